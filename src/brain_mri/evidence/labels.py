"""Display names of networks, null baselines and metrics; format of differences."""

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
    "brier": "Brier score (lower is better)",
    "log_loss": "log loss (lower is better)",
    "sensitivity_at_specificity_90": "for specificity ≥ 0.90: sensitivity",
    "specificity_at_specificity_90": "for specificity ≥ 0.90: specificity reached",
    "sensitivity_at_sensitivity_90": "for sensitivity ≥ 0.90: sensitivity reached",
    "specificity_at_sensitivity_90": "for sensitivity ≥ 0.90: specificity",
}


def networks(weights: str) -> dict[str, str]:
    """Return the display names of the two models for a source of VGG-16's weights."""
    pretrained = "ImageNet" if weights == "imagenet" else "random convolutions"
    return {"scratch": "CNN from scratch", "vgg": f"VGG-16, {pretrained}"}


def signed(value: float | None) -> str:
    """Format a difference with 2 decimals, or 3 or 6 if fewer would read as 0."""
    if value is None:
        return "undefined"
    text = next(
        text
        for digits in (2, 3, 6)
        if float(text := f"{value:.{digits}f}") != 0 or digits == 6 or value == 0
    )
    return text.replace("-", "−")
