package learn

import (
	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/nn/video"
	"github.com/cineloop/cineloop/torch"
)

// ViewScores is what the clips of studies say, each alone, and how much each counts in what the study says.
type ViewScores struct {
	Slots []cohort.Slot
	Of    map[int]*StudyViews // by row
}

// StudyViews is a study's.
type StudyViews struct {
	Weight []float64              // by slot; they sum to 1; 0 where the study has no clip
	Score  map[string][][]float64 // target -> by slot, as predictions have it; nil where the study has no clip

	passes float64 // that are summed
}

// scoring runs a batch through the network; where views are asked for, also each slot alone, from the same features of clips.
func (v *ViewScores) scoring(e *torch.Engine, m *Model, opts PredictOptions, b *cohort.Batch) []*torch.Tensor {
	p := seeing(e, m.State.Table, opts.Cohort, b)
	if opts.NoPicture {
		p.Table.NoImage = e.Ones(torch.Float32, int64(len(b.Rows)), 1)
	}
	x := input(e, b)
	if v == nil || p.Views == nil {
		return forward(e, m.Net, p, opts.Plan.Train.Autocast, x)
	}
	p.Views.Weigh = true
	var clips *torch.Tensor
	casting(e, opts.Plan.Train.Autocast)(func() { clips = m.Net.Clips(p, x) })
	heads := m.Net.HeadsOf(p, m.Net.Join(p, clips))
	for i, r := range b.Rows {
		s := v.of(r)
		s.passes++
		for k, w := range p.Views.Weights[i*b.Slots : (i+1)*b.Slots] {
			s.Weight[k] += float64(w)
		}
	}
	for slot := range b.Slots {
		alone, packed := p.Views.Only(slot)
		if len(packed) == 0 {
			continue
		}
		q := &nn.Pass{E: e, Table: p.Table, Views: alone}
		v.alone(m, b, slot, m.Net.HeadsOf(q, joinOf(m.Net, q, clips, packed)))
	}
	return heads
}

// joinOf is what the heads see of the clips at the given places among those that are there.
func joinOf(net *video.Net, q *nn.Pass, clips *torch.Tensor, packed []int64) *torch.Tensor {
	return net.Join(q, clips.IndexSelect(0, q.E.FromInt64s(packed, int64(len(packed)))))
}

// alone takes the scores of one slot; studies without a clip in it have none.
func (v *ViewScores) alone(m *Model, b *cohort.Batch, slot int, heads []*torch.Tensor) {
	for i, h := range m.State.Heads {
		for j, raw := range split(heads[i].Float32s(), h.outputs()) {
			if !b.Present[j*b.Slots+slot] {
				continue
			}
			s := v.of(b.Rows[j])
			if s.Score[h.Name] == nil {
				s.Score[h.Name] = make([][]float64, b.Slots)
			}
			s.Score[h.Name][slot] = plus(s.Score[h.Name][slot], h.decode(raw))
		}
	}
}

func (v *ViewScores) of(row int) *StudyViews {
	if v.Of == nil {
		v.Of = map[int]*StudyViews{}
	}
	s := v.Of[row]
	if s == nil {
		s = &StudyViews{Weight: make([]float64, len(v.Slots)), Score: map[string][][]float64{}}
		v.Of[row] = s
	}
	return s
}

// finish turns sums over evaluation clips and networks into means.
func (v *ViewScores) finish() {
	if v == nil {
		return
	}
	for _, s := range v.Of {
		over(s.Weight, s.passes)
		for _, slots := range s.Score {
			for _, x := range slots {
				over(x, s.passes)
			}
		}
		s.passes = 1 // other rows may follow
	}
}
