package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/evaluate"
)

// level is how an answer weighs.
type level int

const (
	good   level = iota // nothing speaks against it
	unsure              // not tested, or the data cannot tell
	bad
)

// judgement is an answer in words.
type judgement struct {
	Question string
	Answer   string // yes, no, cannot tell
	Lines    []string
	Level    level
	short    string // what the verdict says of it, a clause; of good answers empty
}

// Class is the style of the answer.
func (j judgement) Class() string { return [...]string{"good", "unsure", "bad"}[j.Level] }

// Mark tells the levels apart without colour.
func (j judgement) Mark() string { return [...]string{"✓", "?", "✗"}[j.Level] }

// answer fills a judgement.
func (j *judgement) answer(l level, answer, short string, lines ...string) {
	j.Level, j.Answer, j.short = l, answer, short
	for _, s := range lines {
		if s != "" {
			j.Lines = append(j.Lines, s)
		}
	}
}

// questions are those that the page asks of every model, in the order in which a clinician would.
func (t Trust) questions() []judgement {
	return []judgement{t.works(), t.elsewhere(), t.tissue(), t.everyone(), t.doubts(), t.mapsMean()}
}

// works asks whether the model is better than guessing at what it was made for.
func (t Trust) works() judgement {
	j := judgement{Question: "Is it better than guessing?"}
	names, of := targetsOf(t.Main)
	count := map[string][]string{}
	for _, name := range names {
		class := class(of[name])
		count[class] = append(count[class], name)
	}
	var lines []string
	for _, name := range sortedNames(t.Main.Report.Masks) {
		lines = append(lines, name+": "+maskWords(t.Main.Report.Masks[name]))
	}
	for i, name := range names {
		if i == shownTargets {
			lines = append(lines, "Not shown here: "+listed(names[i:], 6)+".")
			break
		}
		lines = append(lines, name+": "+headline(of[name]))
		if _, told := verdict(of[name].Metrics[headMetric(of[name].Kind)]); told == "good" && flat(of[name]) {
			lines = append(lines, fmt.Sprintf("But of %s it says nearly the same to everyone: no share of the differences between patients is clearly explained (R² %s).", name, full(of[name].Metrics["r2"], true, "")))
		}
	}
	switch {
	case len(count["bad"]) > 0 && len(count["good"]) == 0:
		j.answer(bad, "No", "it is worse than guessing", lines...)
	case len(count["good"]) == 0:
		j.answer(unsure, "Cannot tell", "these data cannot tell it from guessing", lines...)
	case len(count["good"]) < len(names):
		j.answer(unsure, "In part", "not all that it says is better than guessing", lines...)
	default:
		j.answer(good, "Yes", "", lines...)
	}
	return j
}

// class weighs a target's head metric against guessing. A number is told better than guessing only where it also tells patients apart: saying the
// median to everyone has a smaller typical error than saying the mean.
func class(x *evaluate.TargetReport) string {
	_, class := verdict(x.Metrics[headMetric(x.Kind)])
	if class == "good" && flat(x) {
		return "unsure"
	}
	return class
}

// flat says whether a number's predictions do not clearly follow the truth.
func flat(x *evaluate.TargetReport) bool {
	if x.Kind != evaluate.Regression {
		return false
	}
	_, class := verdict(x.Metrics["r2"])
	return class == "unsure" || class == "bad"
}

// elsewhere asks whether it was tried at places that training never saw.
func (t Trust) elsewhere() judgement {
	j := judgement{Question: "Will it work at another hospital?"}
	var clear, chance []string
	for _, c := range t.sides() {
		if c.Clear {
			clear = append(clear, c.Target+": "+c.Words)
		} else {
			chance = append(chance, c.Target)
		}
	}
	if len(chance) > 0 {
		clear = append(clear, "No clear difference between the ways of dividing: "+listed(unique(chance), 4)+".")
	}
	switch {
	case t.Main.HeldOut && t.works().Level == bad, t.Main.HeldOut && t.works().Answer == "Cannot tell":
		j.answer(bad, "Not shown", "at sources that training never saw it is not clearly better than guessing", clear...)
	case t.Main.HeldOut:
		j.answer(good, "Tried at sources that training never saw", "", append([]string{"The numbers of this page are from such sources."}, clear...)...)
	case slices.ContainsFunc(t.Others, func(v Variant) bool { return v.HeldOut }):
		j.answer(unsure, "Read both numbers", "the numbers above are from the hospitals that it learnt from", clear...)
	default:
		j.answer(unsure, "Not tested", "whether it works at another hospital was not tested",
			append([]string{"Patients were kept out of training, hospitals and scanners were not: expect less elsewhere."}, clear...)...)
	}
	return j
}

// tissue asks whether it goes by the tissue or by something that goes along with the disease here.
func (t Trust) tissue() judgement {
	j := judgement{Question: "Does it go by the tissue?"}
	var strong []string
	for _, f := range t.Fields {
		if f.Strong {
			strong = append(strong, fmt.Sprintf("%s (%s, AUROC %s)", f.Field, f.Target, number(f.AUROC, true)))
		}
	}
	fields := ""
	if len(strong) > 0 {
		fields = "Fields that tell the truth strongly by themselves: " + listed(strong, 3) + ". Another measure of the same thing is no shortcut; what a picture shows by the way, a scanner or a source, is."
	}
	motion := strings.ReplaceAll(t.Motion, " -", " −")
	switch h := t.Hunt; {
	case h == nil:
		j.answer(unsure, "Not tested", "whether it goes by the tissue was not tested", "The pictures were not searched for shortcuts.", fields, motion)
	case h.TooFew:
		j.answer(unsure, "Cannot tell", "there are too few pictures to tell whether it goes by the tissue", h.Words, fields, motion)
	case h.Used:
		j.answer(bad, "No, or not only", "it answers from what is outside the tissue", h.Words, motion)
	case h.InPicture:
		j.answer(unsure, "A shortcut is there", "the pictures hold a shortcut, and nothing shows that it does not take it", h.Words, motion)
	case len(strong) > 0:
		j.answer(unsure, "None in the picture; look at the fields", "fields of the table tell the truth by themselves, and it may go by their look",
			fmt.Sprintf("In %d items neither corners nor what is outside the sector told the answer.", h.Items), fields, motion)
	case h.Named:
		j.answer(unsure, "None in the picture; look at the fields", "fields of the table tell the truth by themselves, and it may go by their look", h.Words, motion)
	default:
		j.answer(good, "No shortcut was found", "", h.Words, motion)
	}
	return j
}

// everyone asks whether a group of people is served worse.
func (t Trust) everyone() judgement {
	j := judgement{Question: "Does it serve everyone alike?"}
	if t.Main.Groups == nil || len(t.Main.Groups.Targets) == 0 {
		j.answer(unsure, "Not tested", "whether it serves everyone alike was not tested", "No group of people was named to judge by.")
		return j
	}
	// A target is judged by comparisons and by a search, each at the level of the audit: here all of them share it.
	alpha := (1 - t.Main.Groups.Level) / float64(2*len(t.Main.Groups.Targets))
	var worse, chance, cannot, known []string
	for _, name := range sortedKeys(t.Main.Groups.Targets) {
		x := t.Main.Groups.Targets[name]
		for _, c := range x.Comparisons {
			switch {
			case c.Worse && float64(c.Adjusted) < alpha:
				worse = append(worse, fmt.Sprintf("%s = %s (%s)", c.Attribute, c.Group, name))
			case c.Worse:
				chance = append(chance, c.Attribute)
			}
		}
		if s := x.Search; s != nil && s.Confirmed != nil && float64(s.Confirmed.P) < alpha {
			worse = append(worse, s.Found+" ("+name+")")
		}
		for _, a := range plainOnly(t.Main.Groups.Attributes) {
			large := 0
			for _, g := range sortedKeys(x.Groups[a]) {
				if x.Groups[a][g].CannotTell {
					cannot = append(cannot, a+" = "+g)
				} else {
					large++
				}
			}
			if large > 1 {
				known = append(known, a)
			}
			for _, g := range sortedKeys(x.Gaps[a]) {
				if p := x.Gaps[a][g].P; p.Defined() && float64(p) < 1-t.Main.Groups.Level {
					chance = append(chance, a)
				}
			}
		}
	}
	cannot, known, worse, chance = unique(cannot), unique(known), unique(worse), unique(chance)
	var gaps, small string
	if len(chance) > 0 {
		gaps = "Gaps that stand out by themselves, and may be chance where so many are looked at: by " + listed(chance, 4) + "."
	}
	if len(cannot) > 0 {
		small = fmt.Sprintf("Cannot tell, fewer than %d patients: %s.", t.Main.Groups.MinGroup, listed(cannot, 6))
	}
	judged := "Judged by " + listed(known, 6) + "."
	switch {
	case len(worse) > 0:
		j.answer(bad, "No", "it serves "+listed(worse, 2)+" worse",
			"Served worse, after correction for how much was compared, or confirmed on patients that the search did not see: "+listed(worse, 4)+".", gaps, small)
	case len(known) == 0:
		j.answer(unsure, "Cannot tell", "there are too few patients to tell whether it serves everyone alike", fmt.Sprintf("No column has two groups of at least %d patients.", t.Main.Groups.MinGroup), small)
	case len(cannot) > 0 || len(chance) > 0:
		j.answer(unsure, "No harm is shown, which is not proof of none", "some groups are too small, or some gaps too unsure, to say that it serves everyone alike", judged, gaps, small)
	default:
		j.answer(good, "No difference is shown", "", judged, "This is not proof of none: look at how wide the intervals are.")
	}
	return j
}

// doubts asks whether it knows when it does not know.
func (t Trust) doubts() judgement {
	j := judgement{Question: "Does it know when it does not know?"}
	if len(t.Doubts) == 0 {
		j.answer(unsure, "It always answers", "it always answers, also when shown something else", "The recipe asks for no uncertainty: a picture of something else gets an answer that looks like any other.")
		return j
	}
	helps := true
	var lines []string
	for _, d := range t.Doubts {
		if d.Answered == nil {
			continue
		}
		s := fmt.Sprintf("%s: it answers %.0f\u00a0%% of the judged rows", d.Name, 100**d.Answered)
		if d.Wrong != nil && d.WrongAll != nil {
			s += fmt.Sprintf(" and is wrong in %.0f\u00a0%% of them, against %.0f\u00a0%% if it answered all", 100**d.Wrong, 100**d.WrongAll)
			helps = helps && *d.Wrong < *d.WrongAll
		} else if *d.Answered >= 1 {
			helps = false
		}
		lines = append(lines, s+".")
	}
	if helps {
		j.answer(good, "It helps to let it stay silent", "", lines...)
	} else {
		j.answer(unsure, "Staying silent does not clearly help", "its doubt does not clearly tell right answers from wrong ones", lines...)
	}
	return j
}

// mapsMean asks whether its heat maps may be looked at.
func (t Trust) mapsMean() judgement {
	j := judgement{Question: "Do its pictures of where it looked mean anything?"}
	supported := 0
	for _, m := range t.Maps {
		if m.Trusted {
			supported++
		}
	}
	switch n := len(t.Maps); {
	case t.Segments:
		j.answer(good, "It draws outlines", "", "Its outlines are its answer and can be checked by eye, one by one.")
	case n == 0:
		j.answer(unsure, "There are none", "no map shows where it looked", "No heat map was drawn.")
	case supported == n:
		j.answer(good, "Those shown pass their tests", "", fmt.Sprintf("All %d maps pass: hiding what they mark matters more than hiding as much elsewhere, and an untrained network draws others.", n))
	case supported == 0:
		j.answer(unsure, "No", "its heat maps fail their tests", fmt.Sprintf("None of %d maps passes its tests: do not read them.", n))
	default:
		j.answer(unsure, "Some", fmt.Sprintf("only %d of its %d heat maps pass their tests", supported, n), fmt.Sprintf("%d of %d maps pass their tests: do not read the others.", supported, n))
	}
	return j
}

// verdict is the paragraph on top. It says what the answers above add up to, never that a model is safe.
func (t Trust) verdict(questions []judgement) judgement {
	v := judgement{Question: t.Name}
	var against, open []string
	for _, q := range questions {
		switch q.Level {
		case bad:
			against = append(against, q.short)
		case unsure:
			open = append(open, q.short)
		}
	}
	var lines []string
	if names, of := targetsOf(t.Main); len(names) > 0 {
		x := of[names[0]]
		on := "kept out of training"
		if t.Main.Report.Split != "test" {
			on = "on whom the model was also chosen, which flatters it"
		}
		lines = append(lines, fmt.Sprintf("Of %s, judged on %s patients %s: %s", names[0], thousands(x.Patients), on, lowerFirst(headline(x))))
	}
	if len(against) > 0 {
		lines = append(lines, "Against it: "+strings.Join(against, "; ")+".")
	}
	if len(open) > 0 {
		lines = append(lines, "Open: "+strings.Join(open, "; ")+".")
	}
	if len(against)+len(open) == 0 {
		lines = append(lines, "Nothing that was tested speaks against it.")
	}
	lines = append(lines, "Whether it helps patients, only a trial can say.")
	switch {
	case questions[0].Level == bad || questions[0].Answer == "Cannot tell":
		v.answer(bad, "Do not use it.", "", lines...)
	case len(against) > 0:
		v.answer(bad, "Do not use it as it is.", "", lines...)
	case len(open) > 0:
		v.answer(unsure, "Not ready to be relied on.", "", lines...)
	default:
		v.answer(good, "Ready to be tried beside doctors, not in their place.", "", lines...)
	}
	return v
}

// cannot lists what these data cannot tell, whatever the numbers are.
func (t Trust) cannot() []string {
	out := slices.Clone(t.Notable)
	if names, of := targetsOf(t.Main); len(names) > 0 {
		if n := of[names[0]].Patients; n < 200 {
			// (1 − 1/2n)ⁿ is above a half for every n.
			out = append(out, fmt.Sprintf("Rare errors: with %d judged patients, what goes wrong in one of %d is more likely than not to have been missed.", n, max(2, 2*n)))
		}
	}
	if t.Main.Report.Split == "val" {
		out = append(out, "How good it is on patients that played no part in choosing it: there are none.")
	}
	return append(out,
		"Whether doctors decide better with it than without: nobody has read with it here.",
		"Whether the recorded truth is right: it is taken as it stands.",
		"How it fares next year, on new machines, in other hands: results are of data already collected.",
		"Anything about people who are not in the table, or whose group was not recorded.")
}

// lowerFirst begins a sentence as a part of one; abbreviations stay.
func lowerFirst(s string) string {
	if len(s) > 1 && s[0] >= 'A' && s[0] <= 'Z' && (s[1] < 'A' || s[1] > 'Z') {
		return strings.ToLower(s[:1]) + s[1:]
	}
	return s
}

func unique(list []string) []string {
	var out []string
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// listed names the first few.
func listed(list []string, most int) string {
	if len(list) > most {
		return strings.Join(list[:most], ", ") + fmt.Sprintf(" and %d more", len(list)-most)
	}
	return strings.Join(list, ", ")
}
