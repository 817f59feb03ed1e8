package golden

// The packages that answer for families.
const (
	Survival    = "methods/survival"
	Uncertainty = "methods/uncertainty"
	Explain     = "methods/explain"
	Fairness    = "methods/fairness"
)

// ToCome are owners whose checks do not exist yet. Their families are listed by a skipped test and fail nothing. Take a name out when
// the package registers its checks with [Run].
var ToCome = map[string]bool{}

// Owners says which package answers for which family.
var Owners = own(map[string][]string{
	Survival: {
		"cox_ph_pycox", "cox_ph_sorted", "cox_breslow", "cox_efron", "cox_breslow_strata", "cox_efron_strata", "cox_cc",
		"logistic_hazard", "pmf", "mtlr", "bce_surv", "pc_hazard", "deephit_single", "deephit_competing",
		"label_discrete", "label_pc_hazard", "label_cox_time", "logistic_hazard_curve", "pmf_curve", "mtlr_curve",
		"deephit_single_curve", "bce_surv_curve", "pc_hazard_curve", "deephit_competing_curve", "cox_baseline",
		"cox_time_baseline", "kaplan_meier", "logrank", "aalen_johansen", "coxph_real_efron", "coxph_real_breslow",
		"concordance", "antolini", "brier_pycox", "brier_admin", "brier_sksurv", "td_auc", "d_calibration", "d_calibration_5",
		"mae", "one_calibration", "concordance_r", "score_single", "score_competing", "competing_cox",
	},
	Uncertainty: {
		"edl_mse_relu", "edl_mse_exp", "edl_mse_softplus", "edl_log_relu", "edl_log_exp", "edl_log_softplus", "edl_digamma_relu",
		"edl_digamma_exp", "edl_digamma_softplus", "dirichlet_summary", "calibration", "temperature_scaling", "isotonic",
		"conformal_classification", "conformal_mondrian", "conformal_regression", "ood_scores", "ood_metrics", "selective",
		"ensemble_classification", "ensemble_regression",
	},
	Explain: {
		"gradients_cnn", "integrated_gradients_cnn", "smoothgrad_cnn", "deeplift_cnn", "lrp_captum_cnn", "lrp_zennit_cnn",
		"gradcam_cnn", "occlusion_cnn", "gradients_cnnpool", "integrated_gradients_cnnpool", "smoothgrad_cnnpool",
		"deeplift_cnnpool", "lrp_captum_cnnpool", "lrp_zennit_cnnpool", "gradcam_cnnpool", "occlusion_cnnpool",
		"gradients_cnn3d", "integrated_gradients_cnn3d", "smoothgrad_cnn3d", "deeplift_cnn3d", "lrp_zennit_cnn3d",
		"gradcam_cnn3d", "occlusion_cnn3d", "temporal_importance", "gradients_mlp", "integrated_gradients_mlp",
		"smoothgrad_mlp", "deeplift_mlp", "lrp_captum_mlp", "lrp_zennit_mlp", "shapley_exact", "shapley_background",
		"permutation_importance", "map_similarity", "map_quality",
	},
	Fairness: {
		"group_metrics", "intersection", "score_audit", "aif360", "constraint_loss", "moment_dp", "moment_eo", "moment_tpr",
		"moment_fpr", "moment_err", "exponentiated_gradient", "threshold_optimizer", "group_dro",
	},
})

func own(byOwner map[string][]string) map[string]string {
	out := map[string]string{}
	for owner, families := range byOwner {
		for _, f := range families {
			if other, twice := out[f]; twice {
				panic("golden: " + f + " belongs to " + owner + " and " + other)
			}
			out[f] = owner
		}
	}
	return out
}
