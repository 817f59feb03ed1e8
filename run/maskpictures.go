package run

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/cineloop/cineloop/clip"
	"github.com/cineloop/cineloop/clip/volume"
	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/report"
)

// maskPicture is an item drawn with its true and predicted outlines.
type maskPicture struct {
	Why     string             `json:"why"` // best, typical, worst
	Item    string             `json:"item"`
	Slice   int                `json:"slice"` // from 0
	Dice    map[string]float64 `json:"dice"`
	Plain   string             `json:"plain"`
	Overlay string             `json:"overlay"`
}

// maskPictures is explain.json of a run that labels positions.
type maskPictures struct {
	PlanDigest string        `json:"plan_digest"`
	Pictures   []maskPicture `json:"pictures"`
}

// outlines are the colours of classes: the true outline bright, the predicted one in the same hue's complement.
var (
	trueColour      = color.RGBA{0, 220, 120, 255}
	predictedColour = color.RGBA{255, 60, 200, 255}
)

// drawMasks draws the best, a typical and the worst judged items of the primary split. Finished pictures of this plan are kept.
func (r *Run) drawMasks() error {
	var old maskPictures
	if exists(r.Dir.explanations()) && readJSON(r.Dir.explanations(), &old) == nil && old.PlanDigest == r.Plan.Digest() {
		return nil
	}
	table, err := r.readMaskTable(r.Dir)
	if err != nil {
		return err
	}
	if err := mkdir(r.Dir.Explain()); err != nil {
		return err
	}
	out := maskPictures{PlanDigest: r.Plan.Digest()}
	n := r.Plan.Explain.Examples
	if n == 0 {
		n = 2
	}
	part, _ := judgedPart(r.Splits[0])
	for _, pick := range pickMasks(table, part, n) {
		p, err := r.drawMask(table, pick.at, len(out.Pictures))
		if err != nil {
			return fmt.Errorf("drawing an item: %w", err)
		}
		p.Why = pick.why
		out.Pictures = append(out.Pictures, p)
	}
	return writeJSON(r.Dir.explanations(), out)
}

type maskPick struct {
	at  int
	why string
}

// pickMasks chooses n items each of the best, the middle and the worst by mean Dice over classes; items without any class are left out.
func pickMasks(t *evaluate.MaskTable, part string, n int) []maskPick {
	type scored struct {
		at   int
		dice float64
	}
	var all []scored
	for i := range t.Item {
		if t.Split[i] != part {
			continue
		}
		var sum, count float64
		for _, s := range t.Score[i] {
			if !math.IsNaN(s.Dice) {
				sum, count = sum+s.Dice, count+1
			}
		}
		if count > 0 {
			all = append(all, scored{i, sum / count})
		}
	}
	slices.SortStableFunc(all, func(a, b scored) int {
		switch {
		case a.dice > b.dice:
			return -1
		case a.dice < b.dice:
			return 1
		}
		return 0
	})
	var out []maskPick
	seen := map[int]bool{}
	add := func(from int, why string) {
		for k := from; k < min(from+n, len(all)); k++ {
			if !seen[all[k].at] {
				seen[all[k].at] = true
				out = append(out, maskPick{all[k].at, why})
			}
		}
	}
	add(0, "best")
	add(max(0, len(all)-n), "worst")
	add(max(0, len(all)/2-n/2), "typical")
	return out
}

// drawMask draws the slice with the most true foreground.
func (r *Run) drawMask(t *evaluate.MaskTable, at, n int) (maskPicture, error) {
	p := maskPicture{Item: t.Item[at], Dice: map[string]float64{}}
	for k, s := range t.Score[at] {
		if !math.IsNaN(s.Dice) {
			p.Dice[t.Classes[k]] = s.Dice
		}
	}
	row := slices.IndexFunc(r.Cohort.Rows, func(row cohort.Row) bool { return row.ID == p.Item })
	if row < 0 {
		return p, fault.New(fault.Internal, "an item of masks.csv is not in the cohort")
	}
	img, err := clip.Open(r.Cohort.Rows[row].Path, clip.Workers(1))
	if err != nil {
		return p, err
	}
	predicted, err := clip.Open(r.Dir.maskFile(p.Item), clip.AsMask())
	if err != nil {
		return p, err
	}
	target, err := maskTarget(r.Plan, r.Cohort)
	if err != nil {
		return p, err
	}
	truth, err := readTruth(r.Cohort, target, row, [3]int{img.T, img.H, img.W})
	if err != nil {
		return p, err
	}
	labels, err := volume.Labels(predicted, len(target.Classes)+1)
	if err != nil {
		return p, err
	}
	if len(labels) != len(truth) {
		return p, fault.New(fault.Input, "the predicted mask of an item has %d positions, its image %d", len(labels), len(truth))
	}
	most := -1
	for z := range img.T {
		count := 0
		for i := z * img.H * img.W; i < (z+1)*img.H*img.W; i++ {
			if truth[i] > 0 || labels[i] > 0 {
				count++
			}
		}
		if count > most {
			most, p.Slice = count, z
		}
	}
	plane := func(l []uint8) []uint8 { return l[p.Slice*img.H*img.W : (p.Slice+1)*img.H*img.W] }
	base := clip.FrameImage(img, p.Slice, clip.PreviewOptions{MaxSide: 320})
	p.Plain, p.Overlay = fmt.Sprintf("mask-%d.png", n), fmt.Sprintf("mask-%d-outline.png", n)
	if err := r.writePNG(p.Plain, base); err != nil {
		return p, err
	}
	drawn := image.NewRGBA(base.Bounds())
	for y := base.Bounds().Min.Y; y < base.Bounds().Max.Y; y++ {
		for x := base.Bounds().Min.X; x < base.Bounds().Max.X; x++ {
			drawn.Set(x, y, base.At(x, y))
		}
	}
	outline(drawn, plane(truth), img.H, img.W, trueColour)
	outline(drawn, plane(labels), img.H, img.W, predictedColour)
	return p, r.writePNG(p.Overlay, drawn)
}

// outline draws the edges between labels of a plane of h×w onto a picture of any size.
func outline(img *image.RGBA, label []uint8, h, w int, c color.RGBA) {
	b := img.Bounds()
	at := func(x, y int) uint8 {
		return label[min(y*h/b.Dy(), h-1)*w+min(x*w/b.Dx(), w-1)]
	}
	for y := range b.Dy() {
		for x := range b.Dx() {
			own := at(x, y)
			if x+1 < b.Dx() && at(x+1, y) != own || y+1 < b.Dy() && at(x, y+1) != own {
				img.SetRGBA(b.Min.X+x, b.Min.Y+y, c)
			}
		}
	}
}

func (r *Run) writePNG(name string, img image.Image) error {
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		return err
	}
	return atomicfile.WriteBytes(filepath.Join(r.Dir.Explain(), name), b.Bytes())
}

// maskExamples are the drawn items for the page.
func (r *Run) maskExamples() ([]report.Example, error) {
	var drawn maskPictures
	if !exists(r.Dir.explanations()) {
		return nil, nil
	}
	if err := readJSON(r.Dir.explanations(), &drawn); err != nil {
		return nil, err
	}
	var out []report.Example
	for _, p := range drawn.Pictures {
		read := func(name, alt, caption string) (report.Picture, error) {
			data, err := os.ReadFile(filepath.Join(r.Dir.Explain(), name))
			return report.Picture{URI: dataURI("image/png", data), Alt: alt, Caption: caption}, err
		}
		plain, err := read(p.Plain, fmt.Sprintf("slice %d of the image", p.Slice+1), "image")
		if err != nil {
			return nil, err
		}
		overlay, err := read(p.Overlay, "the same with the true outline in green and the predicted one in pink", "true outline green, predicted pink")
		if err != nil {
			return nil, err
		}
		e := report.Example{Group: p.Why, Title: p.Item, Plain: plain, Overlay: overlay}
		for _, class := range sortedKeys(p.Dice) {
			e.Facts = append(e.Facts, report.Fact{Name: "Dice, " + class, Value: trim(p.Dice[class])})
		}
		out = append(out, e)
	}
	return out, nil
}
