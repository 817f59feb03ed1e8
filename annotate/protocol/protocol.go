package protocol

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/cineloop/cineloop/annotate/measure"
	"github.com/cineloop/cineloop/internal/strictyaml"
)

// Protocol is a reading study's rules.
type Protocol struct {
	Version  int    `yaml:"version"`  // of this form: 1
	Revision int    `yaml:"revision"` // of these rules, from 1: each that is published is one more
	Title    string `yaml:"title"`

	Design Design `yaml:"design"`
	Items  []Item `yaml:"items"`

	Adjudication Adjudication `yaml:"adjudication"`
	Hanging      []Hanging    `yaml:"hanging"` // how pictures are laid out, the first that fits
}

// DesignKind is how readings are laid out.
type DesignKind string

// The designs.
const (
	Independent DesignKind = "independent" // every case by a number of readers who know nothing of each other
	Sequential  DesignKind = "sequential"  // each case unaided, locked, then at once with the AI's reading beside it
	Crossed     DesignKind = "crossed"     // every case by every reader in every arm, a washout between: multi-reader, multi-case
	Preference  DesignKind = "preference"  // which of two readings is better, sides by chance
	Panel       DesignKind = "panel"       // AI against a panel: every case by every reader, AI never shown
	Assisted    DesignKind = "assisted"    // every case by a number of readers, each with the AI's reading from the beginning: to label data, not to compare
)

// Designs are all of them.
var Designs = []DesignKind{Independent, Sequential, Crossed, Preference, Panel, Assisted}

// Design is the layout of a study.
type Design struct {
	Kind        DesignKind `yaml:"kind"`
	Readers     int        `yaml:"readers"`      // of a case, in independent designs (default 2) and assisted ones (1). Elsewhere every reader reads every case
	WashoutDays int        `yaml:"washout_days"` // between a reader's two readings of a case, in crossed designs; default 28
	AI          string     `yaml:"ai"`           // member whose readings are shown in aided arms, or preferred; needed by sequential, crossed, preference and assisted
	Repeat      int        `yaml:"repeat"`       // per cent of cases that a reader gets twice, to know the reader's own noise; independent designs only
	Order       string     `yaml:"order"`        // chance (default); priority: the coordinator may have the most instructive cases read first; independent and assisted designs
	Pool        bool       `yaml:"pool"`         // cases wait for whoever is free instead of being dealt out; independent and assisted designs
}

// The orders.
const (
	ByChance   = "chance"
	ByPriority = "priority"
)

// ItemKind is what kind of answer an item wants.
type ItemKind string

// The kinds.
const (
	Choice      ItemKind = "choice"      // one of the options
	Multi       ItemKind = "multi"       // any of the options
	Ordinal     ItemKind = "ordinal"     // one of the options, which are in order
	Number      ItemKind = "number"      // typed in, in Unit
	Text        ItemKind = "text"        // free
	Measurement ItemKind = "measurement" // one value of a shape
	Ejection    ItemKind = "ejection"    // fraction from traces at end of diastole and systole
	Mask        ItemKind = "mask"        // pixels of a frame
	Frame       ItemKind = "frame"       // a frame of a cine
	Prefer      ItemKind = "preference"  // a, b, equal, neither
	Origin      ItemKind = "origin"      // which was made by AI: how well a study was blinded
)

// Preferences are the answers to a preference.
var Preferences = []string{"a", "b", "equal", "neither"}

// Unknown is the answer of somebody who can't tell where a reading comes from.
const Unknown = "unknown"

// Origins are the answers to where a reading comes from: in preference arms which side is the AI's, in aided ones whether what was shown is.
func Origins(arm string) []string {
	switch arm {
	case Preferring:
		return []string{"a", "b", Unknown}
	case Aided:
		return []string{"ai", "human", Unknown}
	}
	return nil
}

// Asked says whether an item is asked in readings of an arm.
func (it *Item) Asked(arm string) bool { return it.Kind != Origin || Origins(arm) != nil }

// AskedIn are the names of the items that an arm asks; nil where it asks all.
func (p *Protocol) AskedIn(arm string) []string {
	var out []string
	for i := range p.Items {
		if p.Items[i].Asked(arm) {
			out = append(out, p.Items[i].Name)
		}
	}
	if len(out) == len(p.Items) {
		return nil
	}
	return out
}

// Prefilled are the items whose answers an aided reading begins with, as the AI gave them.
func (p *Protocol) Prefilled() (out []string) {
	for i := range p.Items {
		if p.Items[i].Prefill {
			out = append(out, p.Items[i].Name)
		}
	}
	return out
}

// Scope is what an item is asked of.
type Scope string

// The scopes.
const (
	Exam     Scope = "exam"
	Series   Scope = "series"
	Image    Scope = "image"
	OneFrame Scope = "frame"
	Interval Scope = "interval"
)

// Code is a coded concept.
type Code struct {
	Scheme  string `yaml:"scheme"` // SCT, RADLEX, DCM, LN …
	Value   string `yaml:"value"`
	Meaning string `yaml:"meaning"`
}

// Option is one of the answers of a choice.
type Option struct {
	Name string `yaml:"name"`
	Code Code   `yaml:"code"`
}

// Item is one question.
type Item struct {
	Name     string   `yaml:"name"`  // lower-case letters, digits, _; names columns
	Label    string   `yaml:"label"` // what readers see; default Name
	Kind     ItemKind `yaml:"kind"`
	Scope    Scope    `yaml:"scope"` // default exam; masks and measurements: image
	Code     Code     `yaml:"code"`
	Options  []Option `yaml:"options"`
	Positive []string `yaml:"positive"` // options that are the disease, for sensitivity and AUROC

	Unit  string       `yaml:"unit"` // UCUM; of measurements it is the value's
	Min   *float64     `yaml:"min"`
	Max   *float64     `yaml:"max"`
	Shape measure.Kind `yaml:"shape"` // of a measurement
	Value string       `yaml:"value"` // which of the shape's values counts, as package measure names it; default the first

	Required     bool     `yaml:"required"`
	Prefill      bool     `yaml:"prefill"`       // an aided reading begins with a copy of the AI's answers to it; default no
	Confidence   bool     `yaml:"confidence"`    // 0–100 is asked along
	CannotAssess []string `yaml:"cannot_assess"` // reasons that may stand in place of an answer; none: it may not

	Disagreement Disagreement `yaml:"disagreement"`
}

// Disagreement says when two readings differ so much that somebody else has to look.
type Disagreement struct {
	Metric string  `yaml:"metric"` // different (choices), steps (ordinals), difference, percent (numbers), dice, hd95 (masks), frames; "" never
	Limit  float64 `yaml:"limit"`  // beyond it, of dice below it
}

// Adjudication says how disagreements end.
type Adjudication struct {
	Method   string `yaml:"method"`    // third | panel | majority | mean | median | staple; default third
	SeeAI    bool   `yaml:"see_ai"`    // the adjudicator sees the AI's reading among the masked ones
	SeeReads bool   `yaml:"see_reads"` // and the readers', masked; default is what Fill sets: yes
}

// Methods of adjudication.
var Methods = []string{"third", "panel", "majority", "mean", "median", "staple"}

// Read reads, fills and checks the protocol in data; file names it in errors. Code usage.
func Read(file string, data []byte) (*Protocol, error) {
	p := Protocol{Adjudication: Adjudication{SeeReads: true}}
	if err := strictyaml.Unmarshal(file, data, &p); err != nil {
		return nil, err
	}
	p.fill()
	if err := p.check(file); err != nil {
		return nil, err
	}
	return &p, nil
}

func (p *Protocol) fill() {
	if p.Design.Kind == Independent && p.Design.Readers == 0 {
		p.Design.Readers = 2
	}
	if p.Design.Kind == Assisted && p.Design.Readers == 0 {
		p.Design.Readers = 1
	}
	if p.Design.Order == "" {
		p.Design.Order = ByChance
	}
	if p.Design.Kind == Crossed && p.Design.WashoutDays == 0 {
		p.Design.WashoutDays = 28
	}
	if p.Adjudication.Method == "" {
		p.Adjudication.Method = "third"
	}
	for i := range p.Hanging {
		p.Hanging[i].fill()
	}
	for i := range p.Items {
		it := &p.Items[i]
		if it.Label == "" {
			it.Label = it.Name
		}
		if it.Scope == "" {
			it.Scope = Exam
			if it.Kind == Mask || it.Kind == Measurement || it.Kind == Frame {
				it.Scope = Image
			}
		}
		if it.Kind == Ejection && it.Unit == "" {
			it.Unit = measure.Percent
		}
	}
}

// Item is the named item; nil if there is none.
func (p *Protocol) Item(name string) *Item {
	for i := range p.Items {
		if p.Items[i].Name == name {
			return &p.Items[i]
		}
	}
	return nil
}

// Option is the index of an option; −1 if there is none.
func (it *Item) Option(name string) int {
	for i, o := range it.Options {
		if o.Name == name {
			return i
		}
	}
	return -1
}

// Arms are what a case is read in.
func (d Design) Arms() []string {
	switch d.Kind {
	case Sequential, Crossed:
		return []string{Unaided, Aided}
	case Preference:
		return []string{Preferring}
	case Assisted:
		return []string{Aided}
	}
	return []string{Unaided}
}

// First is the arm whose readings count when it is asked what is so: the one that nothing coloured, and where a model's answers were there
// from the beginning, that one.
func (d Design) First() string {
	if d.Kind == Assisted {
		return Aided
	}
	return Unaided
}

// The arms.
const (
	Unaided    = "unaided"
	Aided      = "aided"
	Preferring = "preference"
	Deciding   = "adjudication"
)

// Digest of the protocol's file.
func Digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
