package protocol

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/internal/strictyaml"
)

// Finding is what is wrong with a protocol, and where.
type Finding struct {
	Line int    `json:"line"` // from 1; 0: of the whole
	Key  string `json:"key,omitempty"`
	Text string `json:"text"`
}

var (
	lineForm = regexp.MustCompile(`^(\d+): (?:([\w.\[\] ()]+): )?(.*)$`)
	syntax   = regexp.MustCompile(`^line (\d+): (.*)$`)
	keyForm  = regexp.MustCompile(`^([a-z_]+(?:\[\d+\])?(?: \([a-z0-9_]+\))?(?:\.[a-z_]+)*): (.*)$`)
	nameIn   = regexp.MustCompile(` \([a-z0-9_]+\)`)
)

// Check reads a protocol as [Read] does and tells its faults with their lines; the protocol is nil where there are any.
func Check(data []byte) (*Protocol, []Finding) {
	const file = "protocol"
	p, err := Read(file, data)
	if err == nil {
		return p, nil
	}
	var out []Finding
	for _, text := range strings.Split(err.Error(), "\n") {
		out = append(out, locate(data, strings.TrimPrefix(text, file+":")))
	}
	return nil, out
}

// locate finds the line of a fault: the YAML's reader says it, and the checks name the key.
func locate(data []byte, text string) Finding {
	if m := lineForm.FindStringSubmatch(text); m != nil {
		n, _ := strconv.Atoi(m[1])
		return Finding{Line: n, Key: m[2], Text: m[3]}
	}
	text = strings.TrimPrefix(text, " ")
	if m := syntax.FindStringSubmatch(text); m != nil {
		n, _ := strconv.Atoi(m[1])
		return Finding{Line: n, Text: m[2]}
	}
	m := keyForm.FindStringSubmatch(text)
	if m == nil {
		return Finding{Text: text}
	}
	plain := nameIn.ReplaceAllString(m[1], "")
	steps := strings.FieldsFunc(plain, func(r rune) bool { return r == '.' || r == '[' || r == ']' })
	return Finding{Line: strictyaml.LineOf(data, steps...), Key: plain, Text: m[2]}
}

// FindingAt is a fault of the value at a key of the first level.
func FindingAt(data []byte, key, format string, args ...any) Finding {
	return Finding{Line: strictyaml.LineOf(data, key), Key: key, Text: fmt.Sprintf(format, args...)}
}
