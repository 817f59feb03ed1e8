package phantom

import (
	"math"
	"math/rand/v2"
)

// The binary outcome's logistic model in EF and TAPSE. With the echonet preset its Bayes risk has an AUROC of about 0.75 and a
// prevalence of about one in three; both are tested.
const (
	outcomeIntercept = -0.80
	outcomePerEF     = 0.62 // a SD of EF (12.5 points) below 55
	outcomePerTAPSE  = 0.55 // a SD of TAPSE (4 mm) below 21
)

// drawBinaryOutcome draws an outcome like right heart failure from EF and the motion of the tricuspid annulus.
func (p *Patient) drawBinaryOutcome(r *rand.Rand) {
	eta := outcomeIntercept + outcomePerEF*(55-p.EF)/12.5 + outcomePerTAPSE*(21-p.TAPSE)/4
	p.OutcomeProb = 1 / (1 + math.Exp(-eta))
	p.Outcome = r.Float64() < p.OutcomeProb
}

// TestSite is the site that has test patients only when confounders are on.
const TestSite = 3

// SiteNames are the sites' names in tables; places in pictures are invented separately.
var SiteNames = [4]string{"S1", "S2", "S3", "S4"}

// drawSite places p at a site and on a side of each confounder. Without confounders sites are drawn at random, and the side is a
// coin's: nothing in the pictures follows site or outcome.
func (c *Cohort) drawSite(p *Patient) {
	r := c.cfg.Seed.Stream("phantom site", p.Index)
	p.Site = r.IntN(4)
	if c.cfg.maxRho() > 0 {
		p.Site = r.IntN(3)
		if p.Split == "TEST" {
			p.Site = TestSite
		}
	}
	p.bits = make(map[Confounder]bool, len(Confounders))
	for _, k := range Confounders {
		agree := (1 + c.cfg.rho(k)) / 2
		if p.Site == TestSite {
			agree = (1 - c.cfg.rho(k)) / 2
		}
		p.bits[k] = p.Outcome == (r.Float64() < agree)
	}
	// A lead is rare where it means nothing, and its owner's sign where it does; the test site's convention is a fact of the site.
	if u := r.Float64(); u > math.Max(0.1, c.cfg.rho(Lead)) {
		p.bits[Lead] = false
	}
	p.bits[Flip] = p.Site == TestSite && r.Float64() < c.cfg.rho(Flip)
	p.Device = deviceOf(p.bits[Text])
}

// The Weibull model of time to event (k, scale in years at a log-hazard of 0) and the censoring times.
const (
	weibullShape = 1.3
	weibullScale = 14.0
	censorFrom   = 0.5
	censorTo     = 9.0
)

// drawSurvival draws time and event by the Weibull proportional hazards model of Bender et al. (Stat Med 2005).
func (c *Cohort) drawSurvival(p *Patient) {
	r := c.cfg.Seed.Stream("phantom survival", p.Index)
	p.LogHazard = 0.035*math.Max(0, 50-p.EF) + 0.04*float64(p.Age-60)
	if p.Dyskinetic() {
		p.LogHazard += 0.5
	}
	if p.Site == TestSite {
		p.LogHazard += 0.3 * c.cfg.maxRho()
	}
	u := 1 - r.Float64()
	event := weibullScale * math.Pow(-math.Log(u)/math.Exp(p.LogHazard), 1/weibullShape)
	censor := uniform(r, censorFrom, censorTo)
	p.Time, p.Event = censor, event <= censor
	if p.Event {
		p.Time = event
	}
}

// Survival is the true probability that p is free of the event at t years.
func (p *Patient) Survival(t float64) float64 {
	return math.Exp(-math.Pow(t/weibullScale, weibullShape) * math.Exp(p.LogHazard))
}

// Dyskinetic says whether a segment moves outwards in systole.
func (p *Patient) Dyskinetic() bool {
	for _, s := range p.Scores {
		if s == 4 {
			return true
		}
	}
	return false
}
