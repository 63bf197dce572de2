"""Writes tests/goldens/metrics.safetensors: classification metrics as scikit-learn and scipy compute them, in float64.

Keys: CASE.labels, CASE.probabilities, CASE.counts (sample weights), CASE.expected.METRIC[.CLASS],
CASE.weighted.METRIC[.CLASS]; reliability curves, Student's t, quantiles and DeLong's test under their own names.
"""
import sys
import warnings

import numpy as np
import scipy.stats
import sklearn
import sklearn.calibration
import sklearn.metrics as sk
from safetensors.numpy import save_file

warnings.filterwarnings("ignore")


def predict(rng, samples, classes, sharpness, decimals, absent=()):
    labels = rng.choice([c for c in range(classes) if c not in absent], size=samples)
    logits = rng.normal(size=(samples, classes)) + sharpness * np.eye(classes)[labels]
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return labels.astype(np.int64), np.round(probabilities, decimals)  # rounding makes ties


def top_class_error(labels, probabilities, weights, bins=15):
    confidence, hit = probabilities.max(1), probabilities.argmax(1) == labels
    edges, error = np.linspace(0, 1, bins + 1), 0.0
    which = np.searchsorted(edges[1:-1], confidence)
    for b in range(bins):
        inside = which == b
        if weights[inside].sum() > 0:
            gap = np.average(hit[inside], weights=weights[inside]) - np.average(confidence[inside], weights=weights[inside])
            error += weights[inside].sum() / weights.sum() * abs(gap)
    return error


def metrics(labels, probabilities, weights):
    classes = probabilities.shape[1]
    predicted = probabilities.argmax(1)
    present = [c for c in range(classes) if weights[labels == c].sum() > 0]
    out, per_class, w = {}, [], {"sample_weight": weights}
    for c in range(classes):
        truth, guess = labels == c, predicted == c
        if c not in present:
            continue
        tn, fp, fn, tp = sk.confusion_matrix(truth, guess, labels=[False, True], **w).ravel()
        row = {"auroc": sk.roc_auc_score(truth, probabilities[:, c], **w), "aupr": sk.average_precision_score(truth, probabilities[:, c], **w),
               "sensitivity": sk.recall_score(truth, guess, **w), "specificity": sk.recall_score(truth, guess, pos_label=False, **w),
               "precision": sk.precision_score(truth, guess, zero_division=0, **w), "f1": sk.f1_score(truth, guess, zero_division=0, **w),
               "g_mean": np.sqrt(tp / (tp + fn) * tn / (tn + fp)), "accuracy": sk.accuracy_score(truth, guess, **w),
               "mcc": sk.matthews_corrcoef(truth, guess, **w)}
        per_class.append((c, row))
        out |= {f"{name}.{c}": row[name] for name in ("auroc", "aupr", "sensitivity", "specificity", "precision", "f1", "g_mean")}
    for name in ("auroc", "aupr", "sensitivity", "specificity", "precision", "f1", "g_mean"):
        out[f"macro_{name}"] = np.mean([row[name] for _, row in per_class])
    for name in ("accuracy", "sensitivity", "specificity", "precision", "g_mean", "f1", "mcc"):
        out[f"published_{name}"] = np.mean([row[name] for c, row in per_class if c > 0])
    every = list(range(classes))
    out |= {"accuracy": sk.accuracy_score(labels, predicted, **w), "mcc": sk.matthews_corrcoef(labels, predicted, **w),
            "balanced_accuracy": sk.balanced_accuracy_score(labels, predicted, **w),
            "kappa": sk.cohen_kappa_score(labels, predicted, labels=every, **w),
            "quadratic_kappa": sk.cohen_kappa_score(labels, predicted, labels=every, weights="quadratic", **w),
            "ece": top_class_error(labels, probabilities, weights)}
    one_hot = np.eye(classes)[labels]  # scikit-learn's brier_score_loss refuses rows that rounding keeps from summing to 1
    out["brier"] = np.average(((probabilities - one_hot) ** 2).sum(1), weights=weights) / (2 if classes == 2 else 1)
    exact = probabilities / probabilities.sum(1, keepdims=True)
    exact_brier = np.average(((exact - one_hot) ** 2).sum(1), weights=weights) / (2 if classes == 2 else 1)
    assert abs(sk.brier_score_loss(labels if classes > 2 else labels == 1, exact if classes > 2 else exact[:, 1],
                                   labels=every if classes > 2 else None, **w) - exact_brier) < 1e-12
    return out


def delong_direct(first, second, positive):
    """The definition, pair by pair."""
    def placements(scores):
        pairs = (scores[positive][:, None] > scores[~positive]) + 0.5 * (scores[positive][:, None] == scores[~positive])
        return pairs.mean(1), pairs.mean(0)
    (a1, a0), (b1, b0) = placements(first), placements(second)
    covariance = np.cov(a1, b1) / len(a1) + np.cov(a0, b0) / len(a0)
    z = (a1.mean() - b1.mean()) / np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    return [a1.mean(), b1.mean(), covariance[0, 0], covariance[1, 1], covariance[0, 1], z, 2 * scipy.stats.norm.sf(abs(z))]


def main(path="tests/goldens/metrics.safetensors"):
    rng = np.random.default_rng(20)
    cases = {"five": predict(rng, 400, 5, 1.2, 2), "binary": predict(rng, 300, 2, 0.8, 2), "absent": predict(rng, 120, 4, 1.0, 3, absent=(2,)),
             "weak": predict(rng, 90, 3, 0.0, 1)}
    out = {}
    for case, (labels, probabilities) in cases.items():
        counts = rng.poisson(1.0, size=len(labels)).astype(np.int64)
        out |= {f"{case}.labels": labels, f"{case}.probabilities": probabilities, f"{case}.counts": counts}
        out |= {f"{case}.expected.{k}": v for k, v in metrics(labels, probabilities, np.ones(len(labels))).items()}
        out |= {f"{case}.weighted.{k}": v for k, v in metrics(labels, probabilities, counts.astype(float)).items()}
    labels, probabilities = cases["binary"]
    out["reliability.observed"], out["reliability.predicted"] = sklearn.calibration.calibration_curve(labels, probabilities[:, 1], n_bins=10)
    second = np.round(probabilities[:, 1] + rng.normal(size=300) * 0.3, 2)
    out |= {"delong.second": second, "delong.expected": np.array(delong_direct(probabilities[:, 1], second, labels == 1))}
    t, dof, p = np.array([-30, -4, -1, -0.1, 0, 0.5, 2, 2.776, 12]), np.array([1, 2, 4, 9, 30, 200]), np.array([0.001, 0.025, 0.3, 0.5, 0.9, 0.975, 0.9995])
    out |= {"t.values": t, "t.dof": dof.astype(float), "t.shares": p, "t.cdf": scipy.stats.t.cdf(t[:, None], dof), "t.ppf": scipy.stats.t.ppf(p[:, None], dof)}
    values = rng.normal(size=37)
    out |= {"quantile.values": values, "quantile.shares": p, "quantile.expected": np.quantile(values, p)}
    seeds = np.array([0.93, 0.941, 0.928, 0.935, 0.95])
    low, high = scipy.stats.t.interval(0.95, 4, loc=seeds.mean(), scale=scipy.stats.sem(seeds))
    out |= {"seeds.values": seeds, "seeds.expected": np.array([seeds.mean(), seeds.std(ddof=1), low, high])}
    save_file({k: np.ascontiguousarray(v, dtype=np.int64 if np.asarray(v).dtype == np.int64 else np.float64) for k, v in out.items()}, path,
              metadata={"made_by": f"scripts/goldens/metrics.py, scikit-learn {sklearn.__version__}, scipy {scipy.__version__}"})


if __name__ == "__main__":
    main(*sys.argv[1:])
