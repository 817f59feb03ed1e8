package deid

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"regexp"
	"strings"

	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
)

// Imported is a policy made of another program's rules, and what of them could not be carried over: those attributes keep the rule of the Basic
// Profile, which is never weaker.
type Imported struct {
	Policy *Policy
	Left   []string
}

// ImportRules reads the script of RSNA's CTP anonymizer (XML), or a DICOM configuration of Google's Healthcare API (JSON: keepList, removeList).
func ImportRules(name string, data []byte) (*Imported, error) {
	p, _ := Preset("basic")
	p.Name = name
	in := &Imported{Policy: p}
	var err error
	switch text := strings.TrimSpace(string(data)); {
	case strings.HasPrefix(text, "<"):
		err = in.ctp(data)
	case strings.HasPrefix(text, "{"):
		err = in.google(data)
	default:
		err = fault.New(fault.Input, "neither a CTP script (XML) nor a DICOM configuration (JSON)")
	}
	if err != nil {
		return nil, err
	}
	return in, p.Validate()
}

func (in *Imported) left(format string, args ...any) {
	in.Left = append(in.Left, fmt.Sprintf(format, args...))
}

func (in *Imported) rule(t tag.Tag, a Action, value, why string) {
	name := t.Keyword()
	if name == "" {
		name = fmt.Sprintf("%04X,%04X", t.Group(), t.Element())
	}
	in.Policy.Attributes = append(in.Policy.Attributes, AttributeRule{Tag: name, Action: a, Value: value, Why: why})
}

type ctpScript struct {
	Elements []struct {
		Enabled string `xml:"en,attr"`
		Tag     string `xml:"t,attr"`
		Text    string `xml:",chardata"`
	} `xml:"e"`
	Keep []struct {
		Enabled string `xml:"en,attr"`
		Group   string `xml:"t,attr"`
	} `xml:"k"`
	Remove []struct {
		Enabled string `xml:"en,attr"`
		What    string `xml:"t,attr"`
	} `xml:"r"`
}

var ctpCall = regexp.MustCompile(`^@([a-z]+)\(.*\)$`)

// ctp takes over a script's functions. Dates and UIDs that the script hashes or shifts are left to the profile, which does so with the project's key: the
// functions of the script do it without one.
func (in *Imported) ctp(data []byte) error {
	var s ctpScript
	if err := xml.Unmarshal(data, &s); err != nil {
		return fault.New(fault.Input, "the script is no XML: %w", err)
	}
	dates := false
	for _, e := range s.Elements {
		if e.Enabled != "T" {
			continue
		}
		t, _, err := parseTag(e.Tag)
		if err != nil || t.IsPrivate() {
			in.left("element %s", e.Tag)
			continue
		}
		text := strings.TrimSpace(e.Text)
		call := ctpCall.FindStringSubmatch(text)
		why := "CTP script: " + text
		switch {
		case call == nil && text == "":
			in.rule(t, Empty, "", why)
		case call == nil && !strings.Contains(text, "@"):
			in.rule(t, Set, text, "CTP script: a value")
		case call == nil:
			in.left("%v: %s", t, text)
		default:
			switch call[1] {
			case "keep":
				in.rule(t, Clean, "", why) // kept, without the patient's own words
			case "remove":
				in.rule(t, Remove, "", why)
			case "empty", "blank":
				in.rule(t, Empty, "", why)
			case "require":
				in.rule(t, Clean, "", why)
			case "hashuid":
				in.rule(t, MapUID, "", why)
			case "hash", "hashname", "hashptid", "lookup", "integer", "initials", "encrypt":
				in.rule(t, Code, "", why)
			case "incrementdate", "hashdate", "modifydate", "dateinterval":
				dates = true
			case "process":
				// sequences are always descended into
			case "quarantine":
				in.rule(t, Withhold, "", why)
			default:
				in.left("%v: %s", t, text)
			}
		}
	}
	if dates {
		in.Policy.Options = append(in.Policy.Options, RetainModifiedDates)
	}
	for _, k := range s.Keep {
		if k.Enabled == "T" {
			in.left("group %s is not kept whole: its attributes have the profile's rules", k.Group)
		}
	}
	for _, r := range s.Remove {
		switch {
		case r.Enabled != "T":
			if r.What == "privategroups" {
				in.left("private groups are not kept whole: only listed elements are")
			}
		case r.What == "unspecifiedelements":
			in.Policy.Unlisted = "remove"
		}
	}
	return nil
}

type googleList struct {
	Tags []string `json:"tags"`
}

// google takes over the lists of a DicomConfig; what a list does not name has the rule that the list implies.
func (in *Imported) google(data []byte) error {
	var c struct {
		Dicom struct {
			Keep   *googleList `json:"keepList"`
			Remove *googleList `json:"removeList"`
			Filter string      `json:"filterProfile"`
		} `json:"dicom"`
		Keep   *googleList `json:"keepList"`
		Remove *googleList `json:"removeList"`
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return fault.New(fault.Input, "the configuration is no JSON: %w", err)
	}
	keep, remove := c.Dicom.Keep, c.Dicom.Remove
	if keep == nil {
		keep = c.Keep
	}
	if remove == nil {
		remove = c.Remove
	}
	if keep == nil && remove == nil {
		return fault.New(fault.Input, "the configuration has neither a keepList nor a removeList")
	}
	if keep != nil {
		in.Policy.Unlisted = "remove"
		for _, s := range keep.Tags {
			t, _, err := parseTag(s)
			switch {
			case err != nil:
				in.left("keepList: %s", s)
			case coded[t] == codePatient || t == tag.PatientName:
				in.rule(t, Code, "", "keepList; an identifier stays as a pseudonym")
			case t.VR().String() == "UI" && !isClassUID[t]:
				in.rule(t, MapUID, "", "keepList; UIDs are mapped")
			default:
				in.rule(t, Clean, "", "keepList")
			}
		}
	}
	if remove != nil {
		for _, s := range remove.Tags {
			t, _, err := parseTag(s)
			if err != nil {
				in.left("removeList: %s", s)
				continue
			}
			in.rule(t, Remove, "", "removeList")
		}
		in.left("attributes that the removeList does not name have the Basic Profile's rules: it is not weakened")
	}
	return nil
}
