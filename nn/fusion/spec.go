package fusion

import (
	"slices"
	"strings"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/nearest"
)

// Kind is a way to join.
type Kind string

// The ways, from the table alone over early and joint to late fusion.
const (
	Table      Kind = "table"       // the table alone: what a picture must improve on
	Early      Kind = "early"       // every column is a constant channel of the clip; nothing else is joined
	FiLM       Kind = "film"        // the table scales and shifts the features, channel by channel (Perez et al., AAAI 2018; on the last stage as DAFT, Wolf et al., NeuroImage 2022)
	Concat     Kind = "concat"      // both vectors side by side, then a layer
	Gated      Kind = "gated"       // a gate between the two, feature by feature (Arevalo et al., "Gated multimodal units", 2017)
	Tensor     Kind = "tensor"      // products of all pairs of features, at low rank (Zadeh et al., EMNLP 2017; Liu et al., ACL 2018)
	Attention  Kind = "attention"   // columns and pieces of the picture are tokens that attend to each other (Gorishniy et al., NeurIPS 2021)
	Autoencode Kind = "autoencoder" // a joint code that must also give both inputs back (Ngiam et al., "Multimodal deep learning", ICML 2011)
	Late       Kind = "late"        // a head on each, their scores weighed by a learnt share a head
)

// Kinds are all of them.
var Kinds = []Kind{Table, Early, FiLM, Concat, Gated, Tensor, Attention, Autoencode, Late}

// Spec says what is joined and how.
type Spec struct {
	Kind       Kind
	Numbers    int64   // columns of numbers
	Levels     []int64 // of each column of categories, how many there are, the unknown one not counted
	Hidden     int64   // width of the joint layer and of the table's code; 0: 32
	TableDrop  float64 // in training: share of rows whose whole table is left out
	ImageDrop  float64 // in training: share of rows whose picture is left out; not with Table, Early and FiLM
	ColumnDrop float64 // in training: share of single values left out
}

// Columns is the number of columns.
func (s Spec) Columns() int64 { return s.Numbers + int64(len(s.Levels)) }

// Channels is how many channels the table adds to a clip.
func (s Spec) Channels() int64 {
	if s.Kind != Early {
		return 0
	}
	n := 2 * s.Numbers // value and whether it is known
	for _, l := range s.Levels {
		n += l
	}
	return n
}

// Check fills defaults and reports what is impossible.
func (s *Spec) Check() error {
	if !slices.Contains(Kinds, s.Kind) {
		names := make([]string, len(Kinds))
		for i, k := range Kinds {
			names[i] = string(k)
		}
		return fault.New(fault.Usage, "fusion: kind is %q (%s)", string(s.Kind), nearest.Hint(string(s.Kind), names))
	}
	if s.Hidden == 0 {
		s.Hidden = 32
	}
	switch {
	case s.Columns() == 0:
		return fault.New(fault.Usage, "fusion: %s joins a table, and there is no column", s.Kind).WithHint("name columns under data.tabular")
	case s.Numbers < 0 || s.Hidden < 1 || len(s.Levels) > 0 && slices.Min(s.Levels) < 1:
		return fault.New(fault.Usage, "fusion: %d numbers, levels %v and %d hidden units are impossible", s.Numbers, s.Levels, s.Hidden)
	}
	for _, r := range []struct {
		name string
		rate float64
	}{{"table_drop", s.TableDrop}, {"image_drop", s.ImageDrop}, {"column_drop", s.ColumnDrop}} {
		if !(r.rate >= 0 && r.rate < 1) {
			return fault.New(fault.Usage, "fusion: %s is %v, not in [0, 1)", r.name, r.rate)
		}
	}
	if s.TableDrop+s.ImageDrop >= 1 {
		return fault.New(fault.Usage, "fusion: table_drop and image_drop leave nothing: they sum to %v", s.TableDrop+s.ImageDrop)
	}
	if s.ImageDrop > 0 && slices.Contains([]Kind{Table, Early, FiLM}, s.Kind) {
		return fault.New(fault.Usage, "fusion: %s cannot do without the picture or never sees it: image_drop must be 0", strings.ToLower(string(s.Kind)))
	}
	return nil
}
