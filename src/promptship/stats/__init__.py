"""Statistics for evaluations: numbers in, named results out; the source stands in each docstring.

Nothing here knows of runs, prompts or gates, reads a file, or asks the clock. Randomness comes from a seed that is an
argument. numpy and scipy are imported inside the functions that need them.
"""

from promptship.stats._agreement import cohen_kappa, gwet_ac1, krippendorff_alpha
from promptship.stats._bootstrap import bootstrap_bca
from promptship.stats._bradley_terry import BradleyTerry, bradley_terry
from promptship.stats._bridged import (
    FEWEST_BRIDGED,
    BridgedDifference,
    bridged_difference,
    bridged_kappa,
    bridged_shift,
)
from promptship.stats._calibration import Calibration, fit_isotonic, fit_platt, split_conformal_threshold
from promptship.stats._dawid_skene import DawidSkene, dawid_skene
from promptship.stats._differences import paired_difference
from promptship.stats._effective_votes import effective_votes
from promptship.stats._equivalence import EquivalenceTest, non_inferiority, tost
from promptship.stats._judged import JudgeLabels, judged_difference, judged_rate, judged_worse
from promptship.stats._means import clustered_mean, t_interval
from promptship.stats._multiplicity import benjamini_hochberg, holm
from promptship.stats._paired import PairedTest, mcnemar, paired_permutation, sign_test
from promptship.stats._power import needed_pairs, power_mcnemar, smallest_detectable_difference
from promptship.stats._power_margins import needed_pairs_for_margin, power_margin
from promptship.stats._power_rates import needed_cases, power_rate
from promptship.stats._power_scores import (
    needed_pairs_of_scores,
    power_scores,
    smallest_detectable_score_difference,
)
from promptship.stats._prediction_powered import prediction_powered_mean
from promptship.stats._quantiles import quantile_interval
from promptship.stats._ranks import kendall, spearman
from promptship.stats._rates import clopper_pearson, wilson, zero_events_upper
from promptship.stats._reliability import (
    Reliability,
    auroc,
    brier_score,
    expected_calibration_error,
    reliability_curve,
)
from promptship.stats._repeats import VarianceComponents, pass_at_k, pass_hat_k, variance_components
from promptship.stats._results import Interval, Side
from promptship.stats._scores import mean_interval
from promptship.stats._sequential import (
    SignEProcess,
    asymptotic_confidence_sequence,
    empirical_bernstein_sequence,
    rate_confidence_sequence,
)

__all__ = [
    "FEWEST_BRIDGED",
    "BradleyTerry",
    "BridgedDifference",
    "Calibration",
    "DawidSkene",
    "EquivalenceTest",
    "Interval",
    "JudgeLabels",
    "PairedTest",
    "Reliability",
    "Side",
    "SignEProcess",
    "VarianceComponents",
    "asymptotic_confidence_sequence",
    "auroc",
    "benjamini_hochberg",
    "bootstrap_bca",
    "bradley_terry",
    "bridged_difference",
    "bridged_kappa",
    "bridged_shift",
    "brier_score",
    "clopper_pearson",
    "clustered_mean",
    "cohen_kappa",
    "dawid_skene",
    "effective_votes",
    "empirical_bernstein_sequence",
    "expected_calibration_error",
    "fit_isotonic",
    "fit_platt",
    "gwet_ac1",
    "holm",
    "judged_difference",
    "judged_rate",
    "judged_worse",
    "kendall",
    "krippendorff_alpha",
    "mcnemar",
    "mean_interval",
    "needed_cases",
    "needed_pairs",
    "needed_pairs_for_margin",
    "needed_pairs_of_scores",
    "non_inferiority",
    "paired_difference",
    "paired_permutation",
    "pass_at_k",
    "pass_hat_k",
    "power_margin",
    "power_mcnemar",
    "power_rate",
    "power_scores",
    "prediction_powered_mean",
    "quantile_interval",
    "rate_confidence_sequence",
    "reliability_curve",
    "sign_test",
    "smallest_detectable_difference",
    "smallest_detectable_score_difference",
    "spearman",
    "split_conformal_threshold",
    "t_interval",
    "tost",
    "variance_components",
    "wilson",
    "zero_events_upper",
]
