package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"image"
	"os"
	"slices"
	"sort"
	"syscall"

	"github.com/cineloop/cineloop/deid"
	"github.com/cineloop/cineloop/deid/pixels"
	"github.com/cineloop/cineloop/deid/pixels/mask"
	"github.com/cineloop/cineloop/deid/pixels/plant"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/stats"
)

func main() {
	objects := flag.Int("objects", 60, "objects to plant into")
	seed := flag.Uint64("seed", 11, "seed")
	read := flag.Bool("read", false, "let tesseract read every string before and after")
	words := flag.String("fonts", "nimbus,cantarell,opensans,courierprime,monofur,anonymous,p052,c059,z003,urwgothic,urwbookman", "words in the names of font files")
	dump := flag.String("dump", "", "write pictures of legible strings into this folder")
	flag.Parse()
	if err := run(*objects, stats.Seed(*seed), *read, *words, *dump); err != nil {
		fmt.Fprintln(os.Stderr, "deidpixels:", err)
		os.Exit(1)
	}
}

// tally counts strings of one kind.
type tally struct{ all, covered, legible, readable, read int }

type report struct {
	by                  map[string]*tally
	kept, away          int     // pixels of the sector away from strings: as before, all
	dice                float64 // of the sector, summed
	fans                int
	clean, area         int // pixels marked in pictures without strings
	identical, textFree int
	held                map[string]int
	cpu                 float64
	examined            int
}

func (r *report) count(key string) *tally {
	t := r.by[key]
	if t == nil {
		t = &tally{}
		r.by[key] = t
	}
	return t
}

func cpuSeconds() float64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // cannot fail for this process
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}

var policy = deid.PixelPolicy{Clean: true, Unsure: "quarantine", Outside: true}

func run(objects int, seed stats.Seed, read bool, words, dump string) error {
	fonts := plant.System("/usr/share/fonts", split(words)...)
	if len(fonts) == 0 {
		return fmt.Errorf("no fonts: run scripts/setup test")
	}
	grounds, err := sources(seed)
	if err != nil {
		return err
	}
	fmt.Printf("%d fonts, %d pictures\n", len(fonts), len(grounds))
	rep := &report{by: map[string]*tally{}, held: map[string]int{}}
	for i := range objects {
		g := grounds[i%len(grounds)]
		r := seed.Stream("object", i)
		o, err := plant.Plant(r, g.Ground, fonts, 3+r.IntN(5), plant.Syntaxes[i%len(plant.Syntaxes)])
		if err != nil {
			return err
		}
		if err := rep.judge(o, g, read, dump); err != nil {
			return err
		}
	}
	for _, g := range grounds {
		o, err := plant.Plant(seed.Stream("bare"), g.Ground, fonts, 0, plant.Syntaxes[0])
		if err != nil {
			return err
		}
		if err := rep.bare(o, g); err != nil {
			return err
		}
	}
	rep.print()
	return nil
}

// bystanders are words of a patient who stands nowhere in the pictures.
var bystanders = []string{"Kowalski-Brown, Maria", "Kowalski-Brown^Maria", "Kowalski", "19570412", "MRN0048213", "Maria", "Doe"}

// own are the words that the masker is told: what was planted, and others.
func own(o plant.Object) []string {
	out := slices.Clone(bystanders)
	for _, s := range o.Strings {
		out = append(out, s.Text)
	}
	return out
}

func split(s string) []string {
	var out []string
	for _, b := range bytes.Split([]byte(s), []byte(",")) {
		out = append(out, string(b))
	}
	return out
}

// judge runs one object through the masker and compares.
func (r *report) judge(o plant.Object, g source, read bool, dump string) error {
	f, err := dicom.ReadBytes(o.Bytes)
	if err != nil {
		return err
	}
	before, err := pixel.Open(f)
	if err != nil {
		return err
	}
	start := cpuSeconds()
	p := policy
	p.Outside = g.Modality == "US"
	m, err := pixels.New().Mask(context.Background(), deid.MaskInput{File: f, Pixels: p, Tokens: own(o)})
	if err != nil {
		return err
	}
	r.cpu += cpuSeconds() - start
	r.examined += m.Examined
	if m.Verdict == deid.Quarantine {
		r.held[g.Name+": "+m.Reason]++
		return nil
	}
	after := before
	if m.Verdict == deid.Blanked {
		if after, err = rewritten(f, m); err != nil {
			return err
		}
	}
	changed := mask.New(g.W, g.H)
	frames := map[int][2][]byte{}
	get := func(i int) (a, b []byte, err error) {
		if p, ok := frames[i]; ok {
			return p[0], p[1], nil
		}
		if a, err = before.Grey8(i); err != nil {
			return nil, nil, err
		}
		if b, err = after.Grey8(i); err != nil {
			return nil, nil, err
		}
		frames[i] = [2][]byte{a, b}
		return a, b, nil
	}
	for _, i := range []int{0, before.Frames / 2, before.Frames - 1} {
		a, b, err := get(i)
		if err != nil {
			return err
		}
		for k := range a {
			if a[k] != b[k] {
				changed.Pix[k] = mask.Hard
			}
		}
	}
	for _, reg := range m.Regions {
		if reg.X0 != 0 || reg.Y0 != 0 || reg.X1 != g.W || reg.Y1 != g.H {
			changed.Fill(image.Rect(reg.X0, reg.Y0, reg.X1, reg.Y1), mask.Hard)
		}
	}
	near := mask.New(g.W, g.H)
	for _, s := range o.Strings {
		near.Fill(s.Box.Inset(-10-s.Box.Dy()/2), mask.Hard)
		if err := r.string(s, g, changed, get, read, dump); err != nil {
			return err
		}
	}
	if g.inside != nil {
		a, b, err := get(before.Frames / 2)
		if err != nil {
			return err
		}
		for k, in := range g.inside {
			if in && near.Pix[k] == mask.Keep {
				r.away++
				if a[k] == b[k] {
					r.kept++
				}
			}
		}
	}
	return nil
}

// string judges one string.
func (r *report) string(s plant.Planted, g source, changed *mask.Mask, get func(int) ([]byte, []byte, error), read bool, dump string) error {
	_, first, err := get((s.First + s.Last) / 2)
	if err != nil {
		return err
	}
	before, _, _ := get((s.First + s.Last) / 2)
	if s.Contrast < 14 || !plant.Legible(s.String, before, g.W) {
		return nil // nobody could read it to begin with
	}
	legible := false
	for _, i := range slices.Compact([]int{s.First, (s.First + s.Last) / 2, s.Last}) {
		_, b, err := get(i)
		if err != nil {
			return err
		}
		legible = legible || plant.Legible(s.String, b, g.W)
	}
	hit := 0
	for y := s.Box.Min.Y; y < s.Box.Max.Y; y++ {
		for x := s.Box.Min.X; x < s.Box.Max.X; x++ {
			if changed.Pix[y*g.W+x] != mask.Keep || first[y*g.W+x] == 0 {
				hit++
			}
		}
	}
	readable, still := false, false
	if read {
		text, err := plant.Read(context.Background(), before, g.W, g.H, s.Box)
		if err != nil {
			return err
		}
		if readable = plant.Recognised(s.Text, text); readable {
			text, err = plant.Read(context.Background(), first, g.W, g.H, s.Box)
			if err != nil {
				return err
			}
			still = plant.Recognised(s.Text, text)
		}
	}
	height := []string{"height  5-8", "height  9-12", "height 13-18", "height 19-26", "height 27+"}[sort.SearchInts([]int{9, 13, 19, 27}, s.Box.Dy()+1)]
	contrast := []string{"contrast  14-40", "contrast  40-80", "contrast  80-140", "contrast 140+"}[sort.SearchInts([]int{40, 80, 140}, int(s.Contrast)+1)]
	span := "in all frames"
	if len(g.Frames) > 1 && s.Last-s.First+1 < len(g.Frames) {
		span = "in some frames"
	}
	for _, key := range []string{"all", "source " + g.Name, height, contrast, span} {
		t := r.count(key)
		t.all++
		if 10*hit >= 8*s.Box.Dx()*s.Box.Dy() {
			t.covered++
		}
		if legible {
			t.legible++
		}
		if readable {
			t.readable++
		}
		if still {
			t.read++
		}
	}
	if legible && dump != "" {
		return dumpString(dump, g, s, before, first, r.by["all"].legible)
	}
	return nil
}

// bare judges a picture without strings.
func (r *report) bare(o plant.Object, g source) error {
	f, err := dicom.ReadBytes(o.Bytes)
	if err != nil {
		return err
	}
	start := cpuSeconds()
	p := policy
	p.Outside = g.Modality == "US"
	find, err := pixels.Examine(context.Background(), deid.MaskInput{File: f, Pixels: p, Tokens: bystanders})
	if err != nil {
		return err
	}
	r.cpu += cpuSeconds() - start
	r.examined += find.Examined
	if find.Verdict == deid.Quarantine {
		r.held[g.Name+", bare: "+find.Reason]++
		return nil
	}
	hard, both, in, truth := 0, 0, 0, 0
	for k, v := range find.Mask.Pix {
		if v == mask.Hard {
			hard++
		}
		if g.inside != nil {
			if v != mask.Soft {
				in++
			}
			if g.inside[k] {
				truth++
				if v != mask.Soft {
					both++
				}
			}
		}
	}
	if g.inside != nil {
		r.dice += 2 * float64(both) / float64(in+truth)
		r.fans++
	}
	if g.clean {
		r.textFree++
		if hard == 0 {
			r.identical++
		}
		r.clean += hard
		r.area += g.W * g.H
	}
	return nil
}

// rewritten is the object as the command would write it.
func rewritten(f *dicom.File, m deid.Masked) (*pixel.Image, error) {
	ds, err := f.DataSet.Copy()
	if err != nil {
		return nil, err
	}
	if m.New.Header != nil {
		for e := range m.New.Header.All() {
			b, err := e.Bytes()
			if err != nil {
				return nil, err
			}
			ds.SetBytes(e.Tag, e.VR, b)
		}
	}
	var frames [][]byte
	var native []byte
	for i := range m.New.Frames {
		b, err := m.New.Frame(context.Background(), i)
		if err != nil {
			return nil, err
		}
		frames, native = append(frames, b), append(native, b...)
	}
	opt := dicom.WriteOptions{TransferSyntaxUID: string(m.New.TransferSyntax), Frames: frames}
	if !m.New.TransferSyntax.IsEncapsulated() {
		opt.Frames = nil
		ds.SetBytes(tag.PixelData, vr.OB, native)
	}
	var out bytes.Buffer
	if err := dicom.Write(&out, ds, opt); err != nil {
		return nil, err
	}
	back, err := dicom.ReadBytes(out.Bytes())
	if err != nil {
		return nil, err
	}
	return pixel.Open(back)
}

func (r *report) print() {
	keys := make([]string, 0, len(r.by))
	for k := range r.by {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	fmt.Printf("%-34s %7s %10s %8s %9s %9s\n", "strings", "planted", "covered", "legible", "readable", "read after")
	for _, k := range keys {
		t := r.by[k]
		fmt.Printf("%-34s %7d %8.1f %% %8d %9d %9d\n", k, t.all, 100*float64(t.covered)/float64(t.all), t.legible, t.readable, t.read)
	}
	if r.away > 0 {
		fmt.Printf("sector pixels away from strings that are what they were: %.3f %%\n", 100*float64(r.kept)/float64(r.away))
	}
	if r.fans > 0 {
		fmt.Printf("Dice of the sector with the phantom's truth: %.4f (%d clips)\n", r.dice/float64(r.fans), r.fans)
	}
	if r.area > 0 {
		fmt.Printf("pictures without text: %d of %d without any mark, %.4f %% of the area marked\n", r.identical, r.textFree, 100*float64(r.clean)/float64(r.area))
	}
	for k, n := range r.held {
		fmt.Printf("held back: %3d × %s\n", n, k)
	}
	fmt.Printf("processor seconds for each examined frame: %.3f (%d frames; limit 0.3)\n", r.cpu/float64(max(1, r.examined)), r.examined)
}
