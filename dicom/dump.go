package dicom

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
)

// Dump prints the elements of f for people, in the manner of dcmdump: tag, VR, value, length, number of values, keyword; items
// of sequences indented below them. Values longer than
// width characters are cut; 0 cuts none.
func (f *File) Dump(w io.Writer, width int) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "# %s\n", f.TransferSyntax.Name())
	for e := range f.Meta.All() {
		dumpElement(b, 0, e, width)
	}
	dumpSet(b, 0, f.DataSet, width)
	for _, warning := range f.Warnings {
		fmt.Fprintf(b, "# warning: %v\n", warning)
	}
	if f.Incomplete != nil {
		fmt.Fprintf(b, "# incomplete: %v\n", f.Incomplete)
	}
	return b.Flush()
}

func dumpSet(w io.Writer, depth int, ds *DataSet, width int) {
	for e := range ds.All() {
		dumpElement(w, depth, e, width)
		for i, item := range e.items {
			fmt.Fprintf(w, "%s%v na %-40s # item %d of %d\n", strings.Repeat("  ", depth+1), tag.Item, fmt.Sprintf("(%d elements)", item.Len()), i+1, len(e.items))
			dumpSet(w, depth+2, item, width)
		}
	}
}

func dumpElement(w io.Writer, depth int, e *Element, width int) {
	name := e.Tag.Keyword()
	if name == "" {
		name = "?"
		if c := e.Tag.Creator(); c != 0 {
			if in, ok := tag.LookupPrivate(e.in.String(c), e.Tag); ok && in.Name != "" {
				name = in.Name
			}
		}
	}
	length := fmt.Sprint(e.Len())
	if e.undefined {
		length = "u/l"
	}
	text, n := dumpValue(e)
	if r := []rune(text); width > 0 && len(r) > width {
		text = string(r[:width]) + "…"
	}
	fmt.Fprintf(w, "%s%v %v %-40s # %6s, %d %s\n", strings.Repeat("  ", depth), e.Tag, e.VR, text, length, n, name)
}

// dumpValue is the value in one line, and how many values it has.
func dumpValue(e *Element) (string, int) {
	switch {
	case e.sequence:
		return fmt.Sprintf("(%d items)", len(e.items)), 1
	case e.frags != nil:
		return fmt.Sprintf("(%d fragments, %d offsets)", e.frags.Len(), len(e.frags.Offsets)), 1
	case e.Len() == 0:
		return "(no value)", 0
	case isBinary(e.Kind()):
		b := make([]byte, min(e.Len(), 16))
		n, _ := e.Reader().ReadAt(b, 0)
		if e.BigEndian() {
			swap(b[:n], e.Kind().WordSize())
		}
		s := fmt.Sprintf("% x", b[:n])
		if e.Len() > 16 {
			s += " …"
		}
		return s, 1
	}
	values := e.Strings()
	text := strings.Join(values, `\`)
	switch {
	case e.Kind() == vr.UI && len(values) == 1:
		if in, ok := uid.Lookup(values[0]); ok {
			return "=" + in.Name, 1
		}
		return "[" + text + "]", 1
	case e.Kind().IsText():
		return "[" + printable(text) + "]", len(values)
	}
	return text, len(values)
}

// printable replaces control characters, so that a value can't drive a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7F || r >= 0x80 && r < 0xA0 {
			return '␤'
		}
		return r
	}, s)
}
