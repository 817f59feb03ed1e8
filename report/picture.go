package report

import (
	"regexp"
	"strings"

	"github.com/cineloop/cineloop/annotate/agree"
)

// Pictures are charts as files of their own, for pages that show them with img. They carry their colours as attributes: a page's style sheet does
// not reach into them, and a content policy would not let them bring one.

// palette is what the classes of a chart look like.
type palette struct{ ground, ink, soft, line, s1, s2, s3, s4, s5, s6 string }

// The colours are those of style.css.
var (
	light = palette{"#ffffff", "#1b2430", "#5a6675", "#d5dbe3", "#0067a8", "#c04a00", "#00805f", "#9a4f86", "#8a6d00", "#3f4a99"}
	dark  = palette{"#14181e", "#e4e8ee", "#a3aebc", "#38424f", "#5db4ef", "#f39a5c", "#4fcba6", "#dc9fc9", "#dcc45a", "#a6b1f5"}
)

func (p palette) of(class string) (color string) {
	switch class {
	case "s1":
		return p.s1
	case "s2":
		return p.s2
	case "s3":
		return p.s3
	case "s4":
		return p.s4
	case "s5":
		return p.s5
	case "s6":
		return p.s6
	}
	return p.soft
}

var classIn = regexp.MustCompile(`class="([^"]*)"`)

// picture makes a plot's markup a file.
func picture(markup string, night bool) []byte {
	p := light
	if night {
		p = dark
	}
	out := classIn.ReplaceAllStringFunc(markup, func(m string) string {
		words := strings.Fields(classIn.FindStringSubmatch(m)[1])
		if len(words) == 0 {
			return m
		}
		color := p.soft
		for _, w := range words[1:] {
			if w != "dashed" && w != "thin" {
				color = p.of(w)
			}
		}
		dash := ""
		for _, w := range words {
			if w == "dashed" {
				dash = ` stroke-dasharray="5 4"`
			}
		}
		switch words[0] {
		case "plot":
			return `xmlns="http://www.w3.org/2000/svg" font-family="system-ui, Segoe UI, Roboto, Noto Sans, DejaVu Sans, sans-serif" font-size="12"`
		case "tick":
			return `fill="` + p.soft + `" font-size="11"`
		case "label":
			return `fill="` + p.ink + `"`
		case "grid":
			return `stroke="` + p.line + `" stroke-width=".6"`
		case "axis":
			return `stroke="` + p.soft + `" fill="none"`
		case "line":
			return `fill="none" stroke-linejoin="round" stroke-width="2" stroke="` + color + `"` + dash
		case "dots":
			return `fill-opacity=".6" fill="` + color + `"`
		case "band":
			return `fill-opacity=".1" fill="` + color + `"`
		case "bars":
			return `fill-opacity=".35" fill="` + color + `"`
		}
		return m
	})
	// The ground goes behind everything, after the title and description.
	at := strings.Index(out, "</desc>") + len("</desc>")
	return []byte(out[:at] + `<rect width="100%" height="100%" fill="` + p.ground + `"/>` + out[at:])
}

// PairPicture is Bland and Altman's drawing of two readers; nil where there are fewer than three points to draw.
func PairPicture(unit string, pair agree.Pair, night bool) []byte {
	if len(pair.Points) < 3 {
		return nil
	}
	return picture(string(pairChart("p", unit, pair).SVG), night)
}

// ROCPicture draws the curves of all readers of a question with a known truth, models among them; nil where there are none.
func ROCPicture(h agree.HeadToHead, night bool) []byte {
	c, ok := readersROC("r", h)
	if !ok {
		return nil
	}
	return picture(string(c.SVG), night)
}
