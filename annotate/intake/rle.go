package intake

import (
	"bytes"
	"encoding/json"

	"github.com/cineloop/cineloop/annotate/measure"
	"github.com/cineloop/cineloop/internal/fault"
)

// polygons are COCO's outlines: lists of x, y, x, y, …
func polygons(raw json.RawMessage) ([][]measure.Point, error) {
	var flat [][]float64
	if len(raw) == 0 || json.Unmarshal(raw, &flat) != nil {
		return nil, fault.New(fault.Input, "it has no outline")
	}
	var out [][]measure.Point
	for _, f := range flat {
		if len(f)%2 != 0 || len(f) < 6 || len(f) > 2*measure.MaxPoints {
			return nil, fault.New(fault.Input, "an outline of %d numbers", len(f))
		}
		var p []measure.Point
		for i := 0; i < len(f); i += 2 {
			p = append(p, measure.Point{X: f[i], Y: f[i+1]})
		}
		out = append(out, p)
	}
	return out, nil
}

// cocoMask is a segmentation in any of its three forms as pixels [rows × columns]: outlines, of which pixels whose middle one holds are inside; run lengths down
// the columns; the same compressed into text. Code input.
func cocoMask(raw json.RawMessage, rows, columns int) ([]bool, error) {
	if raw = bytes.TrimSpace(raw); len(raw) == 0 || raw[0] == '[' {
		list, err := polygons(raw)
		if err != nil {
			return nil, err
		}
		if len(list) == 0 {
			return nil, fault.New(fault.Input, "it has neither an outline nor a mask")
		}
		out := make([]bool, rows*columns)
		for _, p := range list {
			for i, in := range (measure.Shape{Kind: measure.Polygon, Points: p}).Fill(rows, columns) {
				out[i] = out[i] || in
			}
		}
		return out, nil
	}
	var rle struct {
		Size   []int           `json:"size"`
		Counts json.RawMessage `json:"counts"`
	}
	if json.Unmarshal(raw, &rle) != nil || len(rle.Size) != 2 {
		return nil, fault.New(fault.Input, "its run lengths have no size")
	}
	if rle.Size[0] != rows || rle.Size[1] != columns {
		return nil, fault.New(fault.Input, "a mask of %d × %d pixels for a picture of %d × %d", rle.Size[1], rle.Size[0], columns, rows)
	}
	var counts []int
	var text string
	if json.Unmarshal(rle.Counts, &counts) != nil {
		if json.Unmarshal(rle.Counts, &text) != nil {
			return nil, fault.New(fault.Input, "its run lengths are neither numbers nor text")
		}
		var ok bool
		if counts, ok = uncompress(text, rows*columns); !ok {
			return nil, fault.New(fault.Input, "its compressed run lengths are damaged")
		}
	}
	return unroll(counts, rows, columns)
}

// uncompress is COCO's text of run lengths: five bits a character from 48 on, the sixth says that more follow, the highest of the last is the sign; from the fourth length
// on it is the difference to the one two before.
func uncompress(text string, most int) ([]int, bool) {
	var out []int
	for i := 0; i < len(text); {
		x, shift, more := int64(0), 0, true
		for more {
			if i == len(text) || shift > 35 {
				return nil, false
			}
			c := int64(text[i]) - 48
			if c < 0 || c > 63 {
				return nil, false
			}
			x |= (c & 0x1f) << shift
			more = c&0x20 != 0
			i++
			shift += 5
			if !more && c&0x10 != 0 {
				x |= -1 << shift
			}
		}
		if len(out) > 2 {
			x += int64(out[len(out)-2])
		}
		if x < 0 || x > int64(most) || len(out) > most {
			return nil, false
		}
		out = append(out, int(x))
	}
	return out, true
}

// unroll are runs down the columns, first out, then in, as pixels by rows.
func unroll(counts []int, rows, columns int) ([]bool, error) {
	out := make([]bool, rows*columns)
	at, in := 0, false
	for _, n := range counts {
		if n < 0 || n > len(out)-at {
			return nil, fault.New(fault.Input, "its run lengths do not fill the picture")
		}
		for k := range n {
			if in {
				i := at + k
				out[i%rows*columns+i/rows] = true
			}
		}
		at, in = at+n, !in
	}
	if at != len(out) {
		return nil, fault.New(fault.Input, "its run lengths do not fill the picture")
	}
	return out, nil
}
