package clip

import (
	"bytes"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"io"
	"math"
	"sync"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"

	"github.com/cineloop/cineloop/internal/fault"
)

// PreviewOptions says how a clip is shown. Zero values are sensible.
type PreviewOptions struct {
	MaxSide   int       // longest side of the picture, pixels; default 256. Small clips are enlarged at most eight times
	MaxFrames int       // frames shown, spread over the clip; default 48
	FPS       float64   // frames a second; default the clip's own rate, 10 for stacks
	Overlay   []float32 // heat map [T, H, W] of any T, H, W given by OverlayShape, values 0..1; nil for none
	// OverlayShape is [T, H, W] of Overlay; its zero value means the clip's own.
	OverlayShape [3]int
	Alpha        float64   // opacity of the overlay at value 1; default 0.5
	Grey         bool      // show colour clips in grey, as overlays are read best
	Caption      string    // one line under the picture
	Window       []float64 // [centre, width] in stored units; default the DICOM header's, else the whole range of bytes or the 0.5–99.5 percentile range
}

// AnimatedGIF renders c as a looping GIF. The palette is fixed (a ramp of 64 greys and a heat ramp, or a 6×7×6 colour cube), so that equal
// input gives equal bytes.
func AnimatedGIF(c *Clip, opt PreviewOptions) ([]byte, error) {
	if err := checkPreview(c, &opt); err != nil {
		return nil, err
	}
	show := newDisplay(c, opt)
	n := min(opt.MaxFrames, c.T)
	frames := UniformFrames(c.T, n)
	delay := gifDelay(c, opt.FPS, n)
	pal, index := show.palette()
	out := &gif.GIF{}
	for _, t := range frames {
		img := image.NewPaletted(image.Rect(0, 0, show.w, show.h+show.captionHeight()), pal)
		show.render(t, func(x, y int, r, g, b uint8) { img.Pix[y*img.Stride+x] = index(r, g, b) })
		show.caption(img)
		out.Image = append(out.Image, img)
		out.Delay = append(out.Delay, delay)
	}
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, out); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// PNG renders frame t of c at its own size, windowed like a preview.
func PNG(c *Clip, t int) ([]byte, error) {
	if t < 0 || t >= c.T {
		return nil, fault.New(fault.Usage, "frame %d of a clip with %d", t, c.T)
	}
	var b bytes.Buffer
	err := png.Encode(&b, FrameImage(c, t, PreviewOptions{MaxSide: max(c.H, c.W)}))
	return b.Bytes(), err
}

// WritePNG writes frame t with its stored values: 8 or 16 bits, grey or RGB. Other sample types have no place in a PNG: see [PNG].
func WritePNG(w io.Writer, c *Clip, t int) error {
	if t < 0 || t >= c.T {
		return fault.New(fault.Usage, "frame %d of a clip with %d", t, c.T)
	}
	r := image.Rect(0, 0, c.W, c.H)
	f := c.Frame(t)
	switch {
	case c.DType == Uint8 && c.C == 1:
		return png.Encode(w, &image.Gray{Pix: f, Stride: c.W, Rect: r})
	case c.DType == Uint8 && c.C == 3:
		return png.Encode(w, jpegImage(c, t))
	case c.DType == Uint16 && (c.C == 1 || c.C == 3):
		s := Samples[uint16](&Clip{DType: Uint16, Data: f})
		if c.C == 1 {
			img := image.NewGray16(r)
			for i, v := range s {
				img.Pix[2*i], img.Pix[2*i+1] = uint8(v>>8), uint8(v)
			}
			return png.Encode(w, img)
		}
		img := image.NewRGBA64(r)
		for i := range c.W * c.H {
			for k := range 4 {
				v := uint16(0xffff)
				if k < 3 {
					v = s[3*i+k]
				}
				img.Pix[8*i+2*k], img.Pix[8*i+2*k+1] = uint8(v>>8), uint8(v)
			}
		}
		return png.Encode(w, img)
	}
	return fault.New(fault.Usage, "a PNG holds 8- or 16-bit grey or RGB, the clip has %d channels of %v", c.C, c.DType).WithHint("window it first")
}

// FrameImage renders frame t with the overlay and caption of opt.
func FrameImage(c *Clip, t int, opt PreviewOptions) image.Image {
	if err := checkPreview(c, &opt); err != nil {
		panic(err)
	}
	show := newDisplay(c, opt)
	if !show.colour() {
		img := image.NewGray(image.Rect(0, 0, show.w, show.h+show.captionHeight()))
		show.render(t, func(x, y int, r, _, _ uint8) { img.Pix[y*img.Stride+x] = r })
		show.caption(img)
		return img
	}
	img := image.NewNRGBA(image.Rect(0, 0, show.w, show.h+show.captionHeight()))
	for i := 3; i < len(img.Pix); i += 4 {
		img.Pix[i] = 255
	}
	show.render(t, func(x, y int, r, g, b uint8) { copy(img.Pix[y*img.Stride+4*x:], []uint8{r, g, b}) })
	show.caption(img)
	return img
}

func checkPreview(c *Clip, opt *PreviewOptions) error {
	if opt.MaxSide <= 0 {
		opt.MaxSide = 256
	}
	if opt.MaxFrames <= 0 {
		opt.MaxFrames = 48
	}
	if opt.Alpha <= 0 {
		opt.Alpha = 0.5
	}
	if opt.Overlay != nil {
		if opt.OverlayShape == [3]int{} {
			opt.OverlayShape = [3]int{c.T, c.H, c.W}
		}
		s := opt.OverlayShape
		if s[0] <= 0 || s[1] <= 0 || s[2] <= 0 || len(opt.Overlay) != s[0]*s[1]*s[2] {
			return fault.New(fault.Usage, "an overlay of %d values for the shape %v", len(opt.Overlay), s)
		}
	}
	if len(opt.Window) != 0 && (len(opt.Window) != 2 || !(opt.Window[1] > 0)) {
		return fault.New(fault.Usage, "window %v: give [centre, width] with a positive width", opt.Window)
	}
	return nil
}

// gifDelay is a frame's time in hundredths of a second, so that the loop lasts as long as the clip; browsers play below 2 slowly.
func gifDelay(c *Clip, fps float64, n int) int {
	total := float64(n) * 10 // stacks: 10 a second
	switch rate := c.FrameRate(); {
	case fps > 0:
		total = float64(n) * 100 / fps
	case rate > 0:
		total = float64(c.T) * 100 / rate
	}
	return max(2, int(math.Round(total/float64(n))))
}

const captionRow = 16 // pixels of one caption line

func (d *display) captionHeight() int {
	if d.opt.Caption == "" {
		return 0
	}
	return captionRow
}

func (d *display) caption(img drawImage) {
	if d.opt.Caption != "" {
		drawText(img, 3, d.h+12, d.w-6, d.opt.Caption)
	}
}

type drawImage interface {
	image.Image
	Set(x, y int, c color.Color)
}

var captionFont = sync.OnceValue(func() *sfnt.Font {
	f, err := opentype.Parse(goregular.TTF)
	if err != nil {
		panic(err) // the font is part of the program
	}
	return f
})

// drawText writes one line in white, its base line at y, cut with "…" to width pixels.
func drawText(img drawImage, x, y, width int, text string) {
	face, err := opentype.NewFace(captionFont(), &opentype.FaceOptions{Size: 12, DPI: 72, Hinting: font.HintingFull})
	if err != nil {
		panic(err) // the font is part of the program
	}
	defer face.Close()
	if font.MeasureString(face, text).Ceil() > width {
		r := []rune(text)
		for len(r) > 0 && font.MeasureString(face, string(r)+"…").Ceil() > width {
			r = r[:len(r)-1]
		}
		text = string(r) + "…"
	}
	f := font.Drawer{Dst: img, Src: image.White, Face: face, Dot: fixed.P(x, y)}
	f.DrawString(text)
}
