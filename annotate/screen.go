package annotate

import (
	"math"
	"slices"

	"github.com/cineloop/cineloop/annotate/policy"
	"github.com/cineloop/cineloop/internal/fault"
)

const (
	maxShown    = 64  // of one report
	maxOnScreen = 256 // of one reading; then windows, and at last frames, are taken together
)

// Shown is what was on the screen for a time: frames of an image, through a window. It is a browser's account of what it did, and logged as that; nobody
// but who sent it sees it before results leave.
type Shown struct {
	Image   int      `json:"image"` // from 1
	From    int      `json:"from"`  // first frame, from 0
	To      int      `json:"to"`    // last frame; cines run through them
	Seconds float64  `json:"seconds"`
	Center  *float64 `json:"center,omitempty"` // in values after rescaling; none: as the picture says
	Width   *float64 `json:"width,omitempty"`
}

func (x Shown) same(y Shown) bool {
	return x.Image == y.Image && x.From == y.From && x.To == y.To && equal(x.Center, y.Center) && equal(x.Width, y.Width)
}

func equal(a, b *float64) bool { return a == nil && b == nil || a != nil && b != nil && *a == *b }

// checkShown says whether a report fits its case and its time. Several images may be on the screen at once, none for longer than the time itself.
func checkShown(list []Shown, c *Case, seconds float64) error {
	bad := fault.New(fault.Input, "what was on the screen does not fit the case or the time")
	if len(list) > maxShown {
		return bad
	}
	for _, x := range list {
		if x.Image < 1 || x.Image > len(c.Images) || x.From < 0 || x.To < x.From || x.To >= c.Images[x.Image-1].Frames || !(x.Seconds > 0) || x.Seconds > seconds+1 ||
			(x.Center == nil) != (x.Width == nil) || x.Width != nil && !(*x.Width > 0 && *x.Width < 1e9 && math.Abs(*x.Center) < 1e9) {
			return bad
		}
	}
	return nil
}

// onScreen adds a report to a reading's summary, which stays bounded however long somebody looks.
func (r *Reading) onScreen(list []Shown) {
	for _, x := range list {
		if r.addShown(x) {
			continue
		}
		x.Center, x.Width = nil, nil
		if r.addShown(x) {
			continue
		}
		for i := range r.Screen { // everything of the image in one
			if y := &r.Screen[i]; y.Image == x.Image {
				y.From, y.To, y.Center, y.Width = min(y.From, x.From), max(y.To, x.To), nil, nil
				y.Seconds += x.Seconds
				break
			}
		}
	}
}

// addShown adds to what is there already, or puts it beside; false where there is no room.
func (r *Reading) addShown(x Shown) bool {
	if i := slices.IndexFunc(r.Screen, x.same); i >= 0 {
		r.Screen[i].Seconds += x.Seconds
		return true
	}
	if len(r.Screen) >= maxOnScreen && slices.ContainsFunc(r.Screen, func(y Shown) bool { return y.Image == x.Image }) {
		return false
	}
	r.Screen = append(r.Screen, x)
	return true
}

func (d *decision) spend() (any, error) {
	v, r, err := d.ofReading(policy.EditReading)
	if err != nil {
		return nil, err
	}
	// Never more of one's own than has passed: a browser's clock is a claim.
	left := d.e.At.Sub(r.Opened).Seconds() - r.spent[d.m.Name]
	if !(v.Seconds > 0) || v.Seconds > left+1 {
		return nil, fault.New(fault.Input, "more time than has passed since the reading was opened")
	}
	if err := checkShown(v.Shown, d.s.cases[r.Case], v.Seconds); err != nil {
		return nil, err
	}
	return ofReading{Reading: r.ID, Seconds: v.Seconds, Shown: v.Shown}, nil
}

func (r *Reading) spend(who string, d ofReading) {
	if r.spent == nil {
		r.spent = map[string]float64{}
	}
	r.spent[who] += d.Seconds
	r.Seconds += d.Seconds
	r.onScreen(d.Shown)
}
