package deid

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/nearest"
	"github.com/cineloop/cineloop/internal/strictyaml"
)

// PolicyVersion is the version of the policy format.
const PolicyVersion = 1

// Policy says what becomes of every element. It is read strictly; [Policy.Digest] names it in every report and file.
type Policy struct {
	Version int    `yaml:"version"`
	Name    string `yaml:"name"`
	// Options of PS3.15 annex E on top of the Basic Profile.
	Options []Option `yaml:"options"`
	// Unlisted is what becomes of attributes of the standard that Table E.1-1 does not list: clean keeps numbers and codes, cleans text and shifts
	// dates; remove takes them out; keep is the deny-list mode that the standard describes. What the standard does not know is always removed.
	Unlisted string `yaml:"unlisted"`
	// Dates are shifted into the past by a number of days between these, one for each patient.
	Dates DatePolicy `yaml:"dates"`
	// AgeCap in years: ages above it become "over". 0 keeps all.
	AgeCap int `yaml:"age_cap"`
	// Attributes are the site's own rules, tried before every table.
	Attributes []AttributeRule `yaml:"attributes,omitempty"`
	// Private are private elements that the site has found safe, besides Table E.3.10-1. They are in force without the option.
	Private []PrivateRule `yaml:"private,omitempty"`
	// Vocabulary are words that free text may keep, besides those of the standard.
	Vocabulary []string `yaml:"vocabulary,omitempty"`
	// Documents is what becomes of encapsulated documents and other objects whose payload is no image: quarantine or drop.
	Documents string `yaml:"documents"`
	// Video is what becomes of MPEG, H.264 and HEVC streams: quarantine or pass.
	Video string `yaml:"video"`
	// Pixels says what may be done to pixels.
	Pixels PixelPolicy `yaml:"pixels"`
}

// DatePolicy bounds the shift of dates, in days into the past.
type DatePolicy struct {
	MinDays int `yaml:"min_days"`
	MaxDays int `yaml:"max_days"`
}

// AttributeRule is a site's rule for one attribute of the standard, at any depth.
type AttributeRule struct {
	Tag    string `yaml:"tag"` // keyword, or gggg,eeee in hexadecimal; xx in repeating groups
	Action Action `yaml:"action"`
	Value  string `yaml:"value,omitempty"` // with replace
	Why    string `yaml:"why,omitempty"`
}

// PrivateRule is a private element by its creator.
type PrivateRule struct {
	Creator string `yaml:"creator"`
	Group   string `yaml:"group"`   // four hexadecimal digits
	Element string `yaml:"element"` // two, within the block
	Action  Action `yaml:"action"`
	Why     string `yaml:"why,omitempty"`
}

// Presets are the built-in policies by name: the Basic Profile, it with one option each, and what research mostly needs.
func Presets() []string {
	names := []string{"basic", "research"}
	for o := range optionCount {
		names = append(names, "basic+"+presetSuffix(o))
	}
	return names
}

func presetSuffix(o Option) string { return strings.ReplaceAll(o.String(), "_", "-") }

// Preset is a built-in policy. Options may be joined: basic+retain-device+clean-descriptors.
func Preset(name string) (*Policy, bool) {
	p := &Policy{Version: PolicyVersion, Name: name, Options: []Option{}, Unlisted: "clean", Dates: DatePolicy{30, 1800}, AgeCap: 89,
		Documents: "quarantine", Video: "quarantine", Pixels: PixelPolicy{Unsure: "quarantine", Outside: true}}
	parts := strings.Split(strings.NewReplacer("_", "-", " ", "-").Replace(strings.ToLower(strings.TrimSpace(name))), "+")
	switch parts[0] {
	case "basic", "basic-profile":
	case "research", "default":
		p.Options = []Option{RetainSafePrivate, RetainPatient, RetainModifiedDates, CleanDescriptors, CleanStructuredContent, CleanGraphics, CleanPixelData}
	default: // an option alone is the Basic Profile with it
		parts = append([]string{"basic"}, parts...)
	}
	for _, s := range parts[1:] {
		var o Option
		if o.UnmarshalText([]byte(strings.ReplaceAll(s, "-", "_"))) != nil {
			return nil, false
		}
		if !slices.Contains(p.Options, o) {
			p.Options = append(p.Options, o)
		}
	}
	slices.Sort(p.Options)
	p.Pixels.Clean = slices.Contains(p.Options, CleanPixelData)
	return p, true
}

// LoadPolicy is the preset of that name, or the policy in that file. A file starts from the preset that its own name key gives, if it is one, so
// that it need only say what differs.
func LoadPolicy(nameOrFile string) (*Policy, error) {
	if p, ok := Preset(nameOrFile); ok {
		return p, p.Validate()
	}
	data, err := os.ReadFile(nameOrFile)
	if err != nil {
		if os.IsNotExist(err) {
			return nil, fault.New(fault.NotFound, "%q is neither a policy file nor a built-in policy (%s)", nameOrFile, nearest.Hint(nameOrFile, Presets()))
		}
		return nil, fault.New(fault.Input, "reading the policy: %w", err)
	}
	return ParsePolicy(nameOrFile, data)
}

// ParsePolicy reads a policy; file names it in errors.
func ParsePolicy(file string, data []byte) (*Policy, error) {
	p, _ := Preset("basic")
	p.Name, p.Version = "", 0
	p.Pixels.Clean = false
	if err := strictyaml.Unmarshal(file, data, p); err != nil {
		return nil, err
	}
	if p.Name == "" {
		return nil, fault.New(fault.Usage, "%s: a policy needs a name", file)
	}
	slices.Sort(p.Options)
	p.Options = slices.Compact(p.Options)
	p.Pixels.Clean = p.Pixels.Clean || slices.Contains(p.Options, CleanPixelData)
	if p.Pixels.Clean && !slices.Contains(p.Options, CleanPixelData) {
		p.Options = append(p.Options, CleanPixelData)
	}
	return p, p.Validate()
}

// Validate says what in p makes no sense.
func (p *Policy) Validate() error {
	bad := func(format string, args ...any) error {
		return fault.New(fault.Usage, "policy %s: %s", p.Name, fmt.Sprintf(format, args...))
	}
	oneOf := func(key, have string, want ...string) error {
		if !slices.Contains(want, have) {
			return bad("%s: want %s, have %q", key, strings.Join(want, " or "), have)
		}
		return nil
	}
	if p.Version != PolicyVersion {
		return bad("version: this program reads version %d, the policy has %d", PolicyVersion, p.Version)
	}
	for _, err := range []error{
		oneOf("unlisted", p.Unlisted, "clean", "remove", "keep"),
		oneOf("documents", p.Documents, "quarantine", "drop"),
		oneOf("video", p.Video, "quarantine", "pass"),
		oneOf("pixels.unsure", p.Pixels.Unsure, "quarantine", "pass"),
	} {
		if err != nil {
			return err
		}
	}
	if slices.Contains(p.Options, RetainFullDates) && slices.Contains(p.Options, RetainModifiedDates) {
		return bad("options: retain_full_dates and retain_modified_dates exclude each other")
	}
	if p.Dates.MinDays < 1 || p.Dates.MaxDays < p.Dates.MinDays || p.Dates.MaxDays > 36500 {
		return bad("dates: want 1 <= min_days <= max_days <= 36500")
	}
	if p.Dates.MaxDays-p.Dates.MinDays < 30 {
		return bad("dates: a range of fewer than 30 days can be guessed")
	}
	if p.AgeCap < 0 || p.AgeCap > 150 {
		return bad("age_cap: want 0 to 150 years")
	}
	for i, r := range p.Attributes {
		if _, _, err := parseTag(r.Tag); err != nil {
			return bad("attributes.%d: %v", i, err)
		}
		if (r.Action == Set) != (r.Value != "") {
			return bad("attributes.%d: a value belongs to the action replace", i)
		}
	}
	for i, r := range p.Private {
		if _, _, err := r.place(); err != nil {
			return bad("private.%d: %v", i, err)
		}
		if r.Creator == "" {
			return bad("private.%d: a private element is known by its creator", i)
		}
	}
	for i, d := range p.Pixels.Devices {
		if err := oneOf(fmt.Sprintf("pixels.devices.%d.action", i), d.Action, "mask", "pass", "quarantine"); err != nil {
			return err
		}
		for _, r := range append(d.Rectangles[:len(d.Rectangles):len(d.Rectangles)], d.Keep...) {
			if len(r) != 4 || r[0] < 0 || r[1] < 0 || r[2] <= r[0] || r[3] <= r[1] {
				return bad("pixels.devices.%d.rectangles: want [x0, y0, x1, y1] with x0 < x1 and y0 < y1", i)
			}
		}
	}
	return nil
}

// Digest is the SHA-256 of the policy as this program writes it, in hexadecimal: the same for files that say the same.
func (p *Policy) Digest() string {
	b, err := strictyaml.Marshal(p)
	if err != nil {
		panic(err) // the type is our own
	}
	sum := sha256.Sum256(append(b, Edition...))
	return hex.EncodeToString(sum[:])
}

// YAML is the policy in full.
func (p *Policy) YAML() ([]byte, error) { return strictyaml.Marshal(p) }

func (r *PrivateRule) place() (group uint16, low uint8, err error) {
	g, err := strconv.ParseUint(r.Group, 16, 16)
	if err != nil || len(r.Group) != 4 || g&1 == 0 {
		return 0, 0, fmt.Errorf("group: want four hexadecimal digits of an odd group, have %q", r.Group)
	}
	e, err := strconv.ParseUint(r.Element, 16, 8)
	if err != nil || len(r.Element) != 2 {
		return 0, 0, fmt.Errorf("element: want two hexadecimal digits, have %q", r.Element)
	}
	return uint16(g), uint8(e), nil
}

// ParseTag reads a keyword or a tag.
func ParseTag(s string) (tag.Tag, error) {
	t, _, err := parseTag(s)
	return t, err
}

// parseTag reads a keyword or gggg,eeee, in parentheses or not, with xx for a repeating group's number.
func parseTag(s string) (t tag.Tag, mask uint32, err error) {
	if k, ok := tag.ByKeyword(s); ok {
		return k, 0xFFFFFFFF, nil
	}
	h := strings.ToUpper(strings.NewReplacer("(", "", ")", "", ",", "", " ", "").Replace(s))
	mask = 0xFFFFFFFF
	if len(h) == 8 && h[2:4] == "XX" {
		h, mask = h[:2]+"00"+h[4:], 0xFF00FFFF
	}
	n, err := strconv.ParseUint(h, 16, 32)
	if err != nil || len(h) != 8 {
		return 0, 0, fmt.Errorf("%q is neither a keyword nor a tag gggg,eeee", s)
	}
	return tag.Tag(n), mask, nil
}
