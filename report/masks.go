package report

import (
	"fmt"
	"slices"

	"github.com/cineloop/cineloop/evaluate"
)

// maskTables are the results of the mask targets of a variant, a table a target.
func maskTables(r *evaluate.Report) []table {
	var out []table
	for _, name := range sortedNames(r.Masks) {
		m := r.Masks[name]
		t := table{Caption: fmt.Sprintf("%s: masks of %d items of %d patients; means over items, with intervals by patient", name, m.N, m.Patients),
			Head: []string{"Class", "Dice", "Dice, a patient's items together", "95 % Hausdorff distance (" + m.Unit + ")",
				fmt.Sprintf("surface Dice at %g %s", m.Tolerance, m.Unit), "volume error (%)"}}
		for _, class := range sortedNames(m.PerClass) {
			row := []string{class}
			for _, key := range []string{"dice", "dice_patient", "hd95", "nsd", "volume_error_percent"} {
				text, span, _ := printed(m.PerClass[class].Metrics[key], false)
				if span != "" {
					text += " (" + span + ")"
				}
				row = append(row, text)
			}
			t.Rows = append(t.Rows, row)
		}
		out = append(out, t)
	}
	return out
}

func sortedNames[V any](m map[string]V) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// maskWords is the sentence on a mask target.
func maskWords(m *evaluate.MaskReport) string {
	d, span, _ := printed(m.Metrics["dice"], false)
	if span != "" {
		d += " (" + span + ")"
	}
	return "The predicted masks overlap the true ones with a Dice coefficient of " + d + " (1 is perfect), mean over classes and items."
}
