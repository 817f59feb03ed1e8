package phantom

// reducedBelow is the ejection fraction, %, below which it counts as reduced.
const reducedBelow = 50

// Reduced says whether p's ejection fraction is reduced.
func (p *Patient) Reduced() bool { return p.EF < reducedBelow }

// shownSex is how often the picture tells the sex where a bias is planted.
const shownSex = 0.95

// plantBias lets the record miss reduced ejection fractions of women, and lets gain and marker's side tell the sex: the underdiagnosis
// that a network learns from such records, and can tell whom to apply it to.
func (c *Cohort) plantBias(p *Patient) {
	p.Recorded = p.Reduced()
	if c.cfg.Bias == 0 {
		return
	}
	r := c.cfg.Seed.Stream("phantom bias", p.Index)
	missed, shown := r.Float64() < c.cfg.Bias, r.Float64() < shownSex
	if p.Sex == "F" && missed {
		p.Recorded = false
	}
	p.bits[Marker] = (p.Sex == "F") == shown
	p.bits[Gain] = p.bits[Marker]
}
