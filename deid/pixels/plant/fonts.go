package plant

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/inconsolata"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/font/sfnt"
)

// Font is a typeface: an outline of any size, or a bitmap of one.
type Font struct {
	Name   string
	fixed  font.Face
	parse  func() (*sfnt.Font, error)
	height int // pixels of a bitmap font
}

// Builtin are the fonts that come with the program.
func Builtin() []Font {
	return []Font{
		{Name: "Go Regular", parse: bytesOf(goregular.TTF)},
		{Name: "Go Bold", parse: bytesOf(gobold.TTF)},
		{Name: "Go Mono", parse: bytesOf(gomono.TTF)},
		{Name: "Inconsolata 8x16", fixed: inconsolata.Regular8x16, height: 16},
		{Name: "Inconsolata Bold 8x16", fixed: inconsolata.Bold8x16, height: 16},
		{Name: "Fixed 7x13", fixed: basicfont.Face7x13, height: 13},
	}
}

func bytesOf(ttf []byte) func() (*sfnt.Font, error) {
	return sync.OnceValues(func() (*sfnt.Font, error) { return sfnt.Parse(ttf) })
}

// System are the outline fonts below dir (such as /usr/share/fonts) whose file names contain one of the words, in order of their paths. No
// words means all. Files that do not parse, or lack the digits, are left out.
func System(dir string, words ...string) []Font {
	var out []Font
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // an unreadable folder of fonts is one without fonts
		}
		name := strings.ToLower(filepath.Base(path))
		if ext := filepath.Ext(name); ext != ".ttf" && ext != ".otf" && ext != ".ttc" {
			return nil
		}
		if len(words) > 0 && !slices.ContainsFunc(words, func(w string) bool { return strings.Contains(name, strings.ToLower(w)) }) {
			return nil
		}
		f := Font{Name: strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)), parse: sync.OnceValues(func() (*sfnt.Font, error) { return parseFile(path) })}
		if f.covers("0123456789") {
			out = append(out, f)
		}
		return nil
	})
	return out
}

func parseFile(path string) (*sfnt.Font, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c, err := sfnt.ParseCollection(b)
	if err != nil {
		return nil, err
	}
	return c.Font(0)
}

// covers reports whether the font has a glyph for every character of s.
func (f Font) covers(s string) bool {
	if f.fixed != nil {
		for _, r := range s {
			if r > 0x7E {
				return false
			}
		}
		return true
	}
	sf, err := f.parse()
	if err != nil {
		return false
	}
	var buf sfnt.Buffer
	for _, r := range s {
		if r == ' ' {
			continue
		}
		if i, err := sf.GlyphIndex(&buf, r); err != nil || i == 0 {
			return false
		}
		break // the first character speaks for its alphabet; the digits are in every text font
	}
	return true
}

// face is the font at a size in pixels (of the em); a bitmap font has one size.
func (f Font) face(px float64) (font.Face, error) {
	if f.fixed != nil {
		return f.fixed, nil
	}
	sf, err := f.parse()
	if err != nil {
		return nil, err
	}
	return opentype.NewFace(sf, &opentype.FaceOptions{Size: px, DPI: 72, Hinting: font.HintingNone})
}
