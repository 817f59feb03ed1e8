package report

import (
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/evaluate/audit"
)

// Page is everything that a report shows. Empty parts are left out.
type Page struct {
	Title       string
	Description string // what was asked of the data, in a sentence or two
	HowToRead   string // default: a sentence on intervals and baselines
	Date        string // as it shall be printed; the page itself never asks for the time
	Version     string // of the program

	Warnings []string // what a reader must know before believing anything
	Limits   []string // what the run does not show

	Flow   Flow
	Splits []Split

	Views     []ViewRow  // of studies of several views: each alone, and together by how many there are
	Shortcuts []Shortcut // fields that predict a target without the picture, the strongest first

	Sheets   []Picture // contact sheets
	Variants []Variant // the first is the main one
	Examples []Example

	ExamplesNote string // how the examples are to be read; default: on heat maps

	Plan    string // plan.yaml
	Reasons []string
	Seeds   []Fact
	Tools   []Fact // versions
	Digests []Fact
	Timing  []Fact // time, memory, loading
}

// Fact is a name with its value.
type Fact struct{ Name, Value string }

// Flow says what became of the items that were found, after CONSORT's diagram (Schulz et al. 2010).
type Flow struct {
	Noun        string // what an item is, in the plural: clips, studies; default items
	Found       Count
	Quarantined []Exclusion // unreadable or unsuitable
	Excluded    []Exclusion // by the recipe
	Usable      Count
	Parts       []Part // of the main variant
}

// Count is a number of items and of their patients; Patients 0 is not shown.
type Count struct{ Items, Patients int }

// Exclusion is a reason for which items were left out.
type Exclusion struct {
	Reason string
	Items  int
}

// Part is what one role of a split holds.
type Part struct {
	Name string // train, val, test, …
	Count
	Detail string // e.g. "4 sources", "5 folds"
}

// Split is how one variant divided the data.
type Split struct {
	Name  string
	Rule  string // in words: "by patient, 70/10/20, stratified by outcome"
	Parts []Part
}

// Shortcut is how well a field of the table, or a fact of the files, predicts a target alone.
type Shortcut struct {
	Field, Target    string
	AUROC, Low, High float64
	Rows             int
	Strong           bool // it alone does what many networks do
}

// Variant is the network trained and judged under one split.
type Variant struct {
	Name    string
	About   string // what judging this way shows
	HeldOut bool   // its judged rows come from groups (sources, sites) that training never saw
	Report  *evaluate.Report
	// Tables hold the predictions behind Report, for the charts that show rows; derived targets have their own table.
	Tables   []*evaluate.Predictions
	Learning []Curve
	Groups   *audit.Report // the same predictions judged group by group; nil: the recipe names no groups
}

// Curve is one quantity over the epochs of a training.
type Curve struct {
	Chart  string // curves of one chart are drawn together: "loss", "auroc"
	Name   string // train, val
	Epochs []float64
	Values []float64
	Best   float64 // epoch that was kept; 0: none
}

// Picture is an image as a data URI (data:image/…;base64,…).
type Picture struct {
	URI     string
	Still   string // frame for readers who ask for no motion, and for paper; optional
	Alt     string // what is to be seen, for those who cannot
	Caption string
}

// Example is one item with its explanation.
type Example struct {
	Group   string // right, wrong, most uncertain: examples of a group stand together
	Title   string
	Facts   []Fact // truth, prediction, probability
	Plain   Picture
	Overlay Picture
	Verdict string // of the map's own tests, in words
	Trusted bool   // whether the tests support the map
}
