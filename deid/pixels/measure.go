package pixels

import (
	"bytes"
	"context"
	"image"
	"image/png"
	"os/exec"
	"regexp"
	"strings"

	"github.com/cineloop/cineloop/deid"
	"github.com/cineloop/cineloop/deid/pixels/mask"
	"github.com/cineloop/cineloop/internal/fault"
)

// measurements are what devices print that identifies no one: a label of a known setting with its number, or a number with its unit. A number alone is none: it may be somebody's.
var measurements = []*regexp.Regexp{
	regexp.MustCompile(`^(mi|tis|tib|tic|ti)[:=]? ?\d[.,]\d{1,2}$`),
	regexp.MustCompile(`^\d{1,3}([.,]\d{1,2})? ?(cm|mm|hz|khz|mhz|bpm|db|fps|cm/s|m/s|ms|%)$`),
	regexp.MustCompile(`^(hr|fr|fps|gain|gn|depth|d|prf|freq|frq|pwr|power|dyn|dr)[:=]? ?\d{1,3}([.,]\d{1,2})? ?(cm|mm|hz|khz|mhz|bpm|db|fps|%)?$`),
}

// isMeasurement reports whether a line that was read is a measurement and nothing else.
func isMeasurement(line string) bool {
	line = strings.Join(strings.Fields(strings.ToLower(line)), " ")
	for _, re := range measurements {
		if re.MatchString(line) {
			return true
		}
	}
	return false
}

// reader is the OCR program of the machine.
func reader() (string, error) {
	path, err := exec.LookPath("tesseract")
	if err != nil {
		return "", fault.New(fault.Missing, "the policy asks to keep measurements, which tesseract reads, and it is not installed").
			WithHint("Debian: apt-get install tesseract-ocr tesseract-ocr-eng; or set pixels.keep_measurements: false")
	}
	return path, nil
}

// stillWithin is how much, of 255, a place may change over the frames to be read in one of them for all.
const stillWithin = 24

// keepMeasurements takes marks off writing that reads as a measurement in every frame: places that stand still over the clip are read once. Whatever is read as anything else, or not at
// all, stays marked.
func (f *Finding) keepMeasurements(ctx context.Context, c *cine) error {
	path, err := reader()
	if err != nil {
		return err
	}
	reads := make([]bool, len(f.Regions))
	for i, g := range f.Regions {
		r := rectangle(g)
		if !strings.HasPrefix(g.Why, "detector") && g.Why != "static" || r.Dy() > 64 || r.Dx() < 12 || !c.still(r) {
			continue
		}
		line, err := readLine(ctx, path, c.keys[len(c.keys)/2].Value, c.w, c.h, r)
		if err != nil {
			return err
		}
		reads[i] = isMeasurement(line)
	}
	kept := f.Regions[:0:0]
	for i, g := range f.Regions {
		// A mark of another place that reaches in stays, and so does all of this one.
		alone := reads[i]
		for k, o := range f.Regions {
			alone = alone && (k == i || reads[k] || strings.HasPrefix(o.Why, outsideWhy) || !rectangle(o).Overlaps(rectangle(g)))
		}
		if !alone {
			kept = append(kept, g)
			continue
		}
		f.fill(rectangle(g), mask.Keep)
	}
	f.Regions = kept
	return nil
}

func rectangle(g deid.MaskRegion) image.Rectangle { return image.Rect(g.X0, g.Y0, g.X1, g.Y1) }

func (f *Finding) fill(r image.Rectangle, v uint8) {
	r = r.Intersect(image.Rect(0, 0, f.Mask.W, f.Mask.H))
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			f.Mask.Pix[y*f.Mask.W+x] = v
		}
	}
}

// soften takes the marks of what lies outside of the sector off r; those of writing stay.
func (f *Finding) soften(r image.Rectangle) {
	r = r.Intersect(image.Rect(0, 0, f.Mask.W, f.Mask.H))
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			if p := &f.Mask.Pix[y*f.Mask.W+x]; *p == mask.Soft {
				*p = mask.Keep
			}
		}
	}
}

// still reports whether nothing in r changes over the frames.
func (c *cine) still(r image.Rectangle) bool {
	r = r.Intersect(image.Rect(0, 0, c.w, c.h))
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			if k := y*c.w + x; c.high[k]-c.low[k] > stillWithin {
				return false
			}
		}
	}
	return true
}

// readLine is what tesseract reads in r as one line, at three times its size.
func readLine(ctx context.Context, path string, grey []uint8, w, h int, r image.Rectangle) (string, error) {
	const zoom, edge = 3, 4
	r = r.Inset(-edge).Intersect(image.Rect(0, 0, w, h))
	m := image.NewGray(image.Rect(0, 0, r.Dx()*zoom, r.Dy()*zoom))
	for y := range m.Rect.Dy() {
		for x := range m.Rect.Dx() {
			m.Pix[y*m.Stride+x] = 255 - grey[(r.Min.Y+y/zoom)*w+r.Min.X+x/zoom] // dark on light
		}
	}
	var in, out bytes.Buffer
	if err := png.Encode(&in, m); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, path, "stdin", "stdout", "--psm", "7", "-l", "eng")
	cmd.Env = append(cmd.Environ(), "OMP_THREAD_LIMIT=1")
	cmd.Stdin, cmd.Stdout = &in, &out
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return "", fault.New(fault.Missing, "tesseract, which the policy needs to keep measurements, failed: %w", err)
	}
	return strings.TrimSpace(out.String()), nil
}
