package scan

import (
	"math"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
)

// FrameRate is frames per second and the attribute that says so, in the order of what is most direct. It is never assumed.
func FrameRate(ds *dicom.DataSet) (perSecond float64, from string) {
	ok := func(v float64) bool { return v > 0 && v < 1e5 && !math.IsInf(v, 0) }
	for _, t := range []tag.Tag{tag.CineRate, tag.RecommendedDisplayFrameRate} {
		if v, there := ds.Float(t); there && ok(v) {
			return v, t.Keyword()
		}
	}
	if v, there := ds.Float(tag.FrameTime); there && ok(v) {
		return 1000 / v, "FrameTime"
	}
	if v := ds.Floats(tag.FrameTimeVector); len(v) > 1 {
		sum := 0.0
		for _, x := range v[1:] { // the first one is the time to the first frame
			sum += x
		}
		if mean := sum / float64(len(v)-1); ok(mean) {
			return 1000 / mean, "FrameTimeVector"
		}
	}
	n, _ := ds.Float(tag.NumberOfFrames)
	if d, there := ds.Float(tag.EffectiveDuration); there && ok(d) && n > 1 {
		return n / d, "EffectiveDuration"
	}
	return 0, ""
}
