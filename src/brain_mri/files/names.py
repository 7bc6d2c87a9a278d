"""The fixed names of classes, parts and networks."""

CLASSES = ("no", "yes")  # 0 and 1; yes, a tumour, is the positive class
PARTS = ("train", "val", "test")
NETWORKS = ("scratch", "vgg")
# Given for test, but of a picture or patient that training or validation holds.
LEAKED = "leaked"
