"""What to call networks, null baselines and metrics, and how to write a difference."""

BASELINES = {
    "majority": "Null: majority class",
    "file_facts": "Null: file facts only, no pixel",
    "nearest": "Null: nearest training picture",
    "histogram": "Null: five histogram numbers",
    "edges": "Null: edges (HOG), logistic regression",
}
METRICS = {
    "accuracy": "accuracy",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "ppv": "PPV (precision)",
    "npv": "NPV",
    "balanced_accuracy": "balanced accuracy",
    "f1": "F1",
    "roc_auc": "ROC AUC",
    "average_precision": "average precision",
    "brier": "Brier score (low is good)",
    "log_loss": "log loss (low is good)",
    "sensitivity_at_specificity_90": "for specificity ≥ 0.90: sensitivity",
    "specificity_at_specificity_90": "for specificity ≥ 0.90: specificity reached",
    "sensitivity_at_sensitivity_90": "for sensitivity ≥ 0.90: sensitivity reached",
    "specificity_at_sensitivity_90": "for sensitivity ≥ 0.90: specificity",
}


def networks(weights: str) -> dict[str, str]:
    """Return what to call the two models, given where VGG-16's weights come from."""
    pretrained = "ImageNet" if weights == "imagenet" else "random convolutions"
    return {"scratch": "CNN from scratch", "vgg": f"VGG-16, {pretrained}"}


def signed(value: float | None) -> str:
    """Write a difference with two digits, or as many as tell it from 0."""
    if value is None:
        return "undefined"
    text = next(
        text
        for digits in (2, 3, 6)
        if float(text := f"{value:.{digits}f}") != 0 or digits == 6 or value == 0
    )
    return text.replace("-", "−")
