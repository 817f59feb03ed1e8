package phantom

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/cineloop/cineloop/internal/fault"
)

// cohortColumns are the columns of cohort.csv: EchoNet-Dynamic's FileList first, then what is known beyond it. Lengths of time are
// years, outcome_prob the Bayes risk of outcome, log_hazard that of the survival model relative to its baseline, mean_volume the mean over
// the clip's frames in mL: what a still picture could know of size at best.
var cohortColumns = []string{
	"FileName", "EF", "ESV", "EDV", "FrameHeight", "FrameWidth", "FPS", "NumberOfFrames", "Split",
	"patient", "view", "age", "sex", "ethnicity", "bsa", "bmi", "site", "device", "hr", "rhythm", "gls", "tapse",
	"time", "event", "log_hazard", "outcome", "outcome_prob", "wall_motion", "shortcut", "report", "mean_volume",
}

func num(v float64, digits int) string { return strconv.FormatFloat(v, 'f', digits, 64) }

func flag(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

func mean(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum / float64(max(1, len(v)))
}

// cohortRow is a clip's row.
func (c *Cohort) cohortRow(p *Patient, v View, t *Truth) []string {
	motion := ""
	for i, s := range p.Scores {
		if i > 0 {
			motion += " "
		}
		motion += strconv.Itoa(s)
	}
	rhythm := "sinus"
	if p.AF {
		rhythm = "af"
	}
	shortcuts := ""
	for _, k := range Confounders {
		if p.bits[k] && k != BMI {
			shortcuts += string(k) + " "
		}
	}
	shortcuts = shortcuts[:max(0, len(shortcuts)-1)]
	row := []string{
		c.FileName(p, v), num(p.EF, 3), num(p.ESV, 3), num(p.EDV, 3), strconv.Itoa(c.cfg.Height), strconv.Itoa(c.cfg.Width), num(t.FPS, 3), strconv.Itoa(len(t.Phases)), p.Split,
		p.Key, string(v), strconv.Itoa(p.Age), p.Sex, p.Group, num(p.BSA, 3), num(p.BMI, 2), SiteNames[p.Site], p.Device, num(p.HR, 1), rhythm, num(p.GLS, 2), num(p.TAPSE, 2),
		num(p.Time, 4), flag(p.Event), num(p.LogHazard, 5), flag(p.Outcome), num(p.OutcomeProb, 5), motion, shortcuts, p.Report(), num(mean(t.Volumes), 2),
	}
	if c.cfg.Bias > 0 {
		row = append(row, flag(p.Reduced()), flag(p.Recorded))
	}
	return row
}

// writeTables writes the tables from the truth files, in the order of patients and views.
func (c *Cohort) writeTables(dir string) error {
	cohort := [][]string{cohortColumns}
	if c.cfg.Bias > 0 {
		cohort[0] = append(slices.Clone(cohortColumns), "reduced", "reduced_recorded")
	}
	tracings := [][]string{{"FileName", "X1", "Y1", "X2", "Y2", "Frame"}}
	boxes := [][]string{{"FileName", "kind", "text", "font", "x0", "y0", "x1", "y1"}}
	for i := range c.cfg.Patients {
		p := c.Patient(i)
		for _, v := range c.Taken(i) {
			name := c.FileName(p, v)
			path := filepath.Join(dir, "truth", name+".json")
			var t Truth
			b, err := os.ReadFile(path)
			if err != nil {
				return fault.New(fault.NotFound, "reading a clip's truth: %w", err)
			}
			if err := json.Unmarshal(b, &t); err != nil {
				return fault.New(fault.Input, "%s: %w", path, err).WithHint("remove it and run the same command again")
			}
			cohort = append(cohort, c.cohortRow(p, v, &t))
			for _, tr := range t.Tracings {
				for _, ch := range tr.Chords {
					tracings = append(tracings, []string{name + ".avi", num(ch.X1, 3), num(ch.Y1, 3), num(ch.X2, 3), num(ch.Y2, 3), strconv.Itoa(tr.Frame)})
				}
			}
			for _, b := range t.Boxes {
				boxes = append(boxes, []string{name, b.Kind, b.Text, b.Font, strconv.Itoa(b.X0), strconv.Itoa(b.Y0), strconv.Itoa(b.X1), strconv.Itoa(b.Y1)})
			}
		}
	}
	for _, table := range []struct {
		name string
		rows [][]string
	}{{"volume_tracings.csv", tracings}, {"text_boxes.csv", boxes}, {"cohort.csv", cohort}} {
		err := writeWith(filepath.Join(dir, table.name), func(w io.Writer) error { return csv.NewWriter(w).WriteAll(table.rows) })
		if err != nil {
			return fmt.Errorf("cohort table: %w", err)
		}
	}
	return nil
}
