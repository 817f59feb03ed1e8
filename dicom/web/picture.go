package web

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"net/url"
	"strconv"
	"strings"

	xdraw "golang.org/x/image/draw"

	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
)

// look is how a picture is drawn (PS3.18 section 8.3.5).
type look struct {
	window        *pixel.VOI
	width, height int // the most it may have; 0: as the image
	crop          image.Rectangle
	flipX, flipY  bool
	quality       int // of JPEG, 1 to 100; 0: not asked for
}

const (
	defaultQuality = 90
	maxPicture     = 8192 // pixels of a side
)

// parseLook reads the parameters window, viewport and quality. Others of the section change nothing here.
func parseLook(v url.Values) (look, error) {
	var l look
	if s := v.Get("window"); s != "" {
		p := strings.Split(s, ",")
		if len(p) < 2 || len(p) > 3 {
			return l, fault.New(fault.Usage, "window is center,width,function")
		}
		c, err1 := strconv.ParseFloat(p[0], 64)
		w, err2 := strconv.ParseFloat(p[1], 64)
		function := "LINEAR"
		if len(p) == 3 {
			function = map[string]string{"linear": "LINEAR", "linear-exact": "LINEAR_EXACT", "sigmoid": "SIGMOID"}[strings.ToLower(p[2])]
		}
		if err1 != nil || err2 != nil || !(w > 0) || function == "" || !(c > -1e9 && c < 1e9) || w > 1e9 {
			return l, fault.New(fault.Usage, "window is center,width,function: numbers, and linear, linear-exact or sigmoid")
		}
		l.window = &pixel.VOI{Center: c, Width: w, Function: function}
	}
	if s := v.Get("viewport"); s != "" {
		if err := l.viewport(s); err != nil {
			return l, err
		}
	}
	if s := v.Get("quality"); s != "" {
		q, err := strconv.Atoi(s)
		if err != nil || q < 1 || q > 100 {
			return l, fault.New(fault.Usage, "quality is 1 to 100")
		}
		l.quality = q
	}
	return l, nil
}

// viewport reads vw,vh,sx,sy,sw,sh (PS3.18 section 8.3.5.1.3); values may be left out. Negative sw, sh mirror.
func (l *look) viewport(s string) error {
	bad := fault.New(fault.Usage, "viewport is vw,vh or vw,vh,sx,sy,sw,sh: sizes in pixels")
	p := strings.Split(s, ",")
	if len(p) != 2 && len(p) != 6 {
		return bad
	}
	var n [6]int
	for i, t := range p {
		if t == "" {
			continue
		}
		f, err := strconv.ParseFloat(t, 64)
		if err != nil || !(f > -1e6 && f < 1e6) {
			return bad
		}
		n[i] = int(f)
	}
	if n[0] < 0 || n[1] < 0 || n[0] > maxPicture || n[1] > maxPicture || n[0]+n[1] == 0 && len(p) == 2 {
		return fault.New(fault.Usage, "a viewport has 1 to %d pixels on each side", maxPicture)
	}
	l.width, l.height = n[0], n[1]
	if len(p) == 6 && n[4] != 0 && n[5] != 0 {
		l.flipX, l.flipY = n[4] < 0, n[5] < 0
		l.crop = image.Rect(n[2], n[3], n[2]+max(n[4], -n[4]), n[3]+max(n[5], -n[5]))
	}
	return nil
}

// plain reports whether the picture is the frame as it is.
func (l look) plain() bool { return l == look{} }

// draw is frame i as a picture.
func (l look) draw(im *pixel.Image, i int) (image.Image, error) {
	img, err := l.render(im, i)
	if err != nil {
		return nil, err
	}
	if n, ok := img.(*image.NRGBA); ok { // opaque: the same bytes, which the encoders know better
		img = &image.RGBA{Pix: n.Pix, Stride: n.Stride, Rect: n.Rect}
	}
	from := img.Bounds()
	if !l.crop.Empty() {
		if from = from.Intersect(l.crop); from.Empty() {
			return nil, fault.New(fault.Usage, "the viewport shows nothing of the image")
		}
	}
	w, h := fit(from.Dx(), from.Dy(), l.width, l.height)
	if w == img.Bounds().Dx() && h == img.Bounds().Dy() && from == img.Bounds() && !l.flipX && !l.flipY {
		return img, nil
	}
	return l.scale(img, from, w, h), nil
}

func (l look) scale(img image.Image, from image.Rectangle, w, h int) image.Image {
	var out draw.Image = image.NewRGBA(image.Rect(0, 0, w, h))
	if _, grey := img.(*image.Gray); grey {
		out = image.NewGray(image.Rect(0, 0, w, h))
	}
	if w == from.Dx() && h == from.Dy() {
		draw.Draw(out, out.Bounds(), img, from.Min, draw.Src)
	} else {
		xdraw.BiLinear.Scale(out, out.Bounds(), img, from, xdraw.Src, nil)
	}
	if l.flipX || l.flipY {
		flipped := image.NewRGBA(out.Bounds())
		for y := range h {
			for x := range w {
				fx, fy := x, y
				if l.flipX {
					fx = w - 1 - x
				}
				if l.flipY {
					fy = h - 1 - y
				}
				flipped.Set(x, y, out.At(fx, fy))
			}
		}
		return flipped
	}
	return out
}

// fit is the largest size with the proportions of w×h within maxW×maxH; 0 is no limit.
func fit(w, h, maxW, maxH int) (int, int) {
	if maxW == 0 && maxH == 0 {
		return w, h
	}
	scale := 1e9
	if maxW > 0 {
		scale = min(scale, float64(maxW)/float64(w))
	}
	if maxH > 0 {
		scale = min(scale, float64(maxH)/float64(h))
	}
	return min(max(1, int(float64(w)*scale+0.5)), maxPicture), min(max(1, int(float64(h)*scale+0.5)), maxPicture)
}

// render applies the window, where one is asked for, instead of the file's.
func (l look) render(im *pixel.Image, i int) (image.Image, error) {
	if l.window == nil || im.IsColor() {
		return im.Render(i)
	}
	b, err := im.Frame(i)
	if err != nil {
		return nil, err
	}
	m, err := im.Modality(i)
	if err != nil {
		return nil, err
	}
	inverse := im.Photometric == "MONOCHROME1"
	if s := im.DataSet().String(tag.PresentationLUTShape); s != "" {
		inverse = s == "INVERSE"
	}
	lo, hi, padded := im.Padding()
	out := image.NewGray(image.Rect(0, 0, im.Columns, im.Rows))
	for k, v := range im.Stored(b) {
		if padded && v >= lo && v <= hi {
			continue
		}
		y := l.window.Apply(m.Apply(v))
		if inverse {
			y = 1 - y
		}
		out.Pix[k] = byte(y*255 + 0.5)
	}
	return out, nil
}

// The media types of pictures.
const (
	typeJPEG = "image/jpeg"
	typePNG  = "image/png"
	typeGIF  = "image/gif"
)

func (l look) encode(w io.Writer, img image.Image, kind string) error {
	switch kind {
	case typePNG:
		return (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(w, img)
	case typeGIF:
		return gif.EncodeAll(w, &gif.GIF{Image: []*image.Paletted{paletted(img)}, Delay: []int{0}})
	}
	q := l.quality
	if q == 0 {
		q = defaultQuality
	}
	return jpeg.Encode(w, img, &jpeg.Options{Quality: q})
}

// greys is the palette that holds 8-bit grey exactly.
var greys = func() color.Palette {
	p := make(color.Palette, 256)
	for i := range p {
		p[i] = color.Gray{Y: uint8(i)}
	}
	return p
}()

// cube has 6 × 7 × 6 colours, which is what fits: a GIF shows colours roughly.
var cube = func() color.Palette {
	var p color.Palette
	for r := range 6 {
		for g := range 7 {
			for b := range 6 {
				p = append(p, color.RGBA{uint8(r * 51), uint8(g * 255 / 6), uint8(b * 51), 255})
			}
		}
	}
	return p
}()

func paletted(img image.Image) *image.Paletted {
	b := img.Bounds()
	if g, ok := img.(*image.Gray); ok {
		return &image.Paletted{Pix: g.Pix, Stride: g.Stride, Rect: g.Rect, Palette: greys}
	}
	out := image.NewPaletted(b, cube)
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			r, g, bl, _ := img.At(x, y).RGBA()
			out.Pix[out.PixOffset(x, y)] = uint8((int(r>>8)*5+127)/255*42 + (int(g>>8)*6+127)/255*6 + (int(bl>>8)*5+127)/255)
		}
	}
	return out
}

// encodeBytes is encode into memory.
func (l look) encodeBytes(img image.Image, kind string) ([]byte, error) {
	var b bytes.Buffer
	err := l.encode(&b, img, kind)
	return b.Bytes(), err
}
