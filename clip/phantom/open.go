package phantom

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/cineloop/cineloop/internal/fault"
)

// Open is the cohort that a folder was made with, for what was not written into it: masks, other views, other looks. Errors have code
// notfound where dir is no such folder, and conflict where this version would make other pictures.
func Open(dir string) (*Cohort, error) {
	path := filepath.Join(dir, manifestName)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.NotFound, "%s holds no simulated study: it has no %s", dir, manifestName)
	}
	if err != nil {
		return nil, fault.New(fault.Input, "reading %s: %w", path, err)
	}
	var m manifest
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, fault.New(fault.Input, "%s is damaged: %w", path, err)
	}
	c, err := New(m.Config)
	if err != nil {
		return nil, fault.New(fault.Input, "%s: %w", path, err)
	}
	if c.cfg.pictureDigest() != m.Pictures {
		return nil, fault.New(fault.Conflict, "%s was made by another version (%s), whose pictures differ", dir, m.Version).WithHint("simulate it again")
	}
	return c, nil
}

// Chambers are the names of the masks' classes, in words, with short forms.
var Chambers = []struct {
	Name  string
	Also  []string
	Class uint8
}{
	{"left ventricle", []string{"LV", "cavity"}, MaskLV},
	{"myocardium", []string{"wall"}, MaskMyocardium},
	{"left atrium", []string{"LA"}, MaskLA},
	{"right ventricle", []string{"RV"}, MaskRV},
	{"right atrium", []string{"RA"}, MaskRA},
	{"aorta", nil, MaskAorta},
}

// Chamber is the class of a name of [Chambers] or a short form, in any case.
func Chamber(name string) (class uint8, ok bool) {
	for _, c := range Chambers {
		for _, n := range append([]string{c.Name}, c.Also...) {
			if strings.EqualFold(n, strings.TrimSpace(name)) {
				return c.Class, true
			}
		}
	}
	return 0, false
}

// Masks simulates patient i in view v once more for its masks [T, H, W], and where confounders are drawn [H, W].
func (c *Cohort) Masks(i int, v View) (masks, shortcut []uint8) {
	with := &Cohort{cfg: c.cfg}
	with.cfg.Masks = true
	with.pool.New = c.pool.New
	_, t := with.Clip(i, v)
	return t.Masks, t.Shortcut
}
