package phantom

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/cineloop/cineloop/stats"
)

// Patient is one made-up person: body, rhythm, heart, site, and outcome with its true risk.
type Patient struct {
	Index  int
	Key    string // research key, free of identity
	Age    int    // years at the study
	Sex    string // F, M
	Group  string // ethnicity-like group A, B, C, for subgroup audits
	Height float64
	Weight float64
	BMI    float64 // kg/m²
	BSA    float64 // m², Mosteller

	Site   int // 0…3; 3 is the test site when confounders are on
	Device string
	Split  string // TRAIN, VAL, TEST

	HR     float64 // beats a minute, mean
	AF     bool    // atrial fibrillation
	EDV    float64 // mL, biplane discs of the drawn geometry
	ESV    float64
	EF     float64 // %
	GLS    float64 // %, negative; mean of three apical views
	TAPSE  float64 // mm, excursion of the tricuspid annulus
	Scores [17]int // wall motion: 1 normal, 2 hypokinetic, 3 akinetic, 4 dyskinetic

	LogHazard   float64 // of the Weibull model, relative to its baseline
	Time        float64 // years to event or censoring
	Event       bool
	OutcomeProb float64 // Bayes risk: the true probability of Outcome
	Outcome     bool
	Recorded    bool // whether a reduced ejection fraction was recorded; differs from Reduced where [Config.Bias] is planted

	Identity Identity

	heart heart
	bits  map[Confounder]bool // the side of each confounder this patient is on
	body  bodyDraws
}

// Identity is what a scanner prints and a header holds. All of it is invented.
type Identity struct {
	Name        string // family^given
	ID          string
	BirthDate   string // YYYYMMDD
	StudyDate   string
	StudyTime   string // HHMMSS
	Accession   string
	Institution string
	Physician   string
}

// bodyDraws are a patient's unit draws for what every acquisition shares.
type bodyDraws struct {
	standoff  float64 // mm between probe and heart
	depthRand float64 // 0…1
	quality   float64 // unit Gaussian
}

// splitOf places patient i by a low-discrepancy sequence: fractions are right for any number of patients, and a patient keeps
// the place when the cohort grows.
func splitOf(seed stats.Seed, i int) string {
	const golden = 0.6180339887498949
	u := seed.Stream("phantom split").Float64() + golden*float64(i+1)
	u -= math.Floor(u)
	switch {
	case u < 0.60:
		return "TRAIN"
	case u < 0.75:
		return "VAL"
	}
	return "TEST"
}

// Patient simulates patient i, 0 ≤ i.
func (c *Cohort) Patient(i int) *Patient {
	r := c.cfg.Seed.Stream("phantom patient", i)
	p := &Patient{Index: i, Key: fmt.Sprintf("P%05d", i+1), Split: splitOf(c.cfg.Seed, i)}

	p.Sex = "M"
	if r.Float64() < 0.48 {
		p.Sex = "F"
	}
	p.Age = int(clamp(normal(r, 62, 15), 19, 94))
	switch u := r.Float64(); {
	case u < 0.55:
		p.Group = "A"
	case u < 0.80:
		p.Group = "B"
	default:
		p.Group = "C"
	}
	height, groupBMI := 177.0, map[string]float64{"C": 3 * c.cfg.rho(BMI), "A": -1 * c.cfg.rho(BMI)}[p.Group]
	if p.Sex == "F" {
		height = 164
	}
	p.Height = clamp(normal(r, height, 7), 145, 205)
	p.BMI = clamp(normal(r, 26.5+groupBMI, 4.2), 17, 46)
	p.Weight = p.BMI * p.Height * p.Height / 1e4
	p.BSA = math.Sqrt(p.Height * p.Weight / 3600)

	p.HR = clamp(normal(r, 72, 12), 50, 110)
	p.AF = r.Float64() < 0.06+0.003*math.Max(0, float64(p.Age)-60)
	p.drawHeart(r, c.cfg.Preset)
	p.body = bodyDraws{standoff: uniform(r, 12, 24), depthRand: r.Float64(), quality: r.NormFloat64()}

	p.drawBinaryOutcome(r)
	c.drawSite(p)
	c.plantBias(p)
	c.drawSurvival(p)
	p.Identity = drawIdentity(c.cfg.Seed.Stream("phantom identity", i), p)
	return p
}

// drawHeart draws the ejection fraction asked for, the size of the heart and its regional wall motion, and then measures what the
// resulting geometry really does.
func (p *Patient) drawHeart(r *rand.Rand, preset string) {
	u, ef := r.Float64(), 0.0
	switch {
	case preset == Uniform:
		ef = 15 + 60*u
	case preset == Healthy || u < 0.79:
		ef = normal(r, 62, 6)
	case u < 0.90:
		ef = normal(r, 45, 5)
	default:
		ef = normal(r, 28, 8)
	}
	ef = clamp(ef, 10, 78)
	edv := p.BSA * clamp(normal(r, 60, 12), 34, 95)
	dilated := ef < 36
	if dilated {
		edv *= 1.5
	}
	ratio := clamp(normal(r, 0.55, 0.05), 0.45, 0.68)
	if dilated {
		ratio = math.Min(ratio*1.12, 0.75)
	}
	wall := clamp(normal(r, 9.5, 1.3), 8, 16)

	// Ischaemic hearts have regional defects; two in five of the reduced ones, few of the others.
	ischaemic := r.Float64() < map[bool]float64{true: 0.40, false: 0.06}[ef < 52 && preset != Healthy]
	if preset == Healthy {
		ischaemic = false
	}
	p.Scores = drawScores(r, ischaemic, ef < 40)
	p.TAPSE = clamp(normal(r, 21+0.10*(ef-55), 4), 6, 32)
	p.heart = newHeart(edv, ef, ratio, wall, p.Scores, p.TAPSE)
	p.heart.lateral = normal(r, 0, 2)
	p.heart.laRadius = clamp(normal(r, 20, 2), 16, 27)
	if p.AF {
		p.heart.laRadius = math.Min(p.heart.laRadius*1.15, 29)
	}

	ed, es := p.heart.at(0), p.heart.at(1)
	p.EDV, p.ESV = p.heart.biplane(&ed), p.heart.biplane(&es)
	p.EF = 100 * (p.EDV - p.ESV) / p.EDV
	p.GLS = p.heart.strain(&es)
}

var (
	families = []string{"Abara", "Bergstrom", "Castellan", "Dufresne", "Eklund", "Farrow", "Grimaldi", "Halloran", "Ivanova", "Jansen", "Kowalczyk", "Lindqvist", "Moreau", "Nakagawa", "Okafor", "Petrov", "Quintana", "Rossi", "Sandoval", "Tanaka", "Ueda", "Varga", "Whitlock", "Xu", "Yilmaz", "Zielinski", "O'Brien", "De la Cruz", "Haddad", "Mwangi"}
	givenF   = []string{"Anna", "Beatriz", "Chiara", "Dalia", "Elena", "Fatima", "Greta", "Hana", "Ingrid", "Julia", "Keiko", "Leila", "Maria", "Nadia", "Olivia", "Priya", "Rosa", "Sofia", "Tamar", "Yuki"}
	givenM   = []string{"Adam", "Bjorn", "Carlos", "David", "Emil", "Felix", "Georg", "Hugo", "Ivan", "Jonas", "Karim", "Luca", "Mateo", "Nils", "Omar", "Paul", "Rafael", "Samuel", "Tomas", "Viktor"}
	places   = [4]string{"St. Brigid Hospital", "Northfield Heart Centre", "Clinica Santa Alba", "Lakeside University"}
)

// drawIdentity invents what a scanner would print about p.
func drawIdentity(r *rand.Rand, p *Patient) Identity {
	given := givenM
	if p.Sex == "F" {
		given = givenF
	}
	study := time.Date(2014, 1, 1, 7, 0, 0, 0, time.UTC).Add(time.Duration(r.IntN(8*365*24*60)) * time.Minute)
	study = time.Date(study.Year(), study.Month(), study.Day(), 7+r.IntN(11), r.IntN(60), r.IntN(60), 0, time.UTC)
	birth := study.AddDate(-p.Age, 0, -1-r.IntN(360))
	return Identity{
		Name:        families[r.IntN(len(families))] + "^" + given[r.IntN(len(given))],
		ID:          fmt.Sprintf("%07d", 1000000+r.IntN(8999999)),
		BirthDate:   birth.Format("20060102"),
		StudyDate:   study.Format("20060102"),
		StudyTime:   study.Format("150405"),
		Accession:   fmt.Sprintf("E%02d%06d", study.Year()%100, r.IntN(1000000)),
		Institution: places[p.Site],
		Physician:   families[r.IntN(len(families))] + "^" + givenF[r.IntN(len(givenF))],
	}
}
