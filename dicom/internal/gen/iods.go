package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
)

// iods writes iod/tables.go: for each SOP class its information object, for each of those its modules with their usage, and for each
// module its attributes with their types. The first two are tables of this folder; the types come from the module templates of
// dicom3tools, a checkout of which $DICOM3TOOLS names. Without it the step is passed over.
//
// Of the templates nothing is taken but which attribute has which type in which module, which are facts of PS3.3.
func iods(dir string) error {
	src := os.Getenv("DICOM3TOOLS")
	if src == "" {
		fmt.Fprintln(os.Stderr, "gen: iod/tables.go is left as it is: set $DICOM3TOOLS to a checkout of dicom3tools to write it anew")
		return nil
	}
	attrs, err := table(dir, "attributes.csv")
	if err != nil {
		return err
	}
	keyword := map[string]string{}
	for _, r := range attrs {
		keyword[r[5]] = strings.ReplaceAll(strings.ToUpper(r[0]), "X", "0")
	}
	files, err := filepath.Glob(filepath.Join(src, "libsrc", "standard", "module", "*.tpl"))
	if err != nil || files == nil {
		return fmt.Errorf("no module templates in %s", src)
	}
	t := templates{lists: map[string]*list{}, keyword: keyword}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		t.read(string(b))
	}
	return t.write(dir)
}

// list is a module or a macro: entries in the notation of iod/tables.go.
type list struct {
	macro   bool
	entries []string
}

type templates struct {
	lists   map[string]*list
	keyword map[string]string
	lost    []string // names that the dictionary doesn't have
}

var line = regexp.MustCompile(`^(DefineMacro|Module|Name|Sequence|InvokeMacro)="([^"]*)"`)
var typed = regexp.MustCompile(`\bType="([123]C?)"`)

func (t *templates) read(text string) {
	var at *list
	var module string
	var skip int                // inside a sequence that is not in the dictionary, or comes a second time
	seen := []map[string]bool{} // names at each depth: conditions may make one come twice
	for _, l := range strings.Split(text, "\n") {
		l = strings.TrimSpace(l)
		m := line.FindStringSubmatch(l)
		switch {
		case strings.HasPrefix(l, "SequenceEnd"):
			if skip > 0 {
				skip--
			} else if at != nil && len(seen) > 1 {
				at.entries = append(at.entries, "}")
				seen = seen[:len(seen)-1]
			}
		case strings.HasPrefix(l, "ModuleEnd"), strings.HasPrefix(l, "MacroEnd"):
			at, skip = nil, 0
		case m == nil:
		case m[1] == "DefineMacro" || m[1] == "Module":
			at, skip = &list{macro: m[1] == "DefineMacro"}, 0
			module, t.lists[m[2]] = m[2], at
			seen = []map[string]bool{{}}
		case at == nil:
		case skip > 0:
			if m[1] == "Sequence" {
				skip++
			}
		case m[1] == "InvokeMacro" && strings.Contains(l, "Condition="):
			at.entries = append(at.entries, "?"+m[2])
		case m[1] == "InvokeMacro":
			at.entries = append(at.entries, "@"+m[2])
		default:
			id, known := t.keyword[m[2]]
			ty := typed.FindStringSubmatch(l)
			if !known || ty == nil || seen[len(seen)-1][id] {
				if !known {
					t.lost = append(t.lost, m[2])
				}
				if m[1] == "Sequence" {
					skip++
				}
				continue
			}
			seen[len(seen)-1][id] = true
			if m[2] == "Modality" && module == "GeneralSeries" {
				ty[1] = "1" // the templates give a line to each kind of object
			}
			entry := id + map[string]string{"1": "1", "1C": "a", "2": "2", "2C": "b", "3": "3", "3C": "3"}[ty[1]]
			if m[1] == "Sequence" {
				entry += "{"
				seen = append(seen, map[string]bool{})
			}
			at.entries = append(at.entries, entry)
		}
	}
}

// Modules whose name in the table of IODs is not the templates' name without capitals.
var moduleNames = map[string]string{"supplementalpalettecolorlookuptable": "SupplementalPaletteColorLUT"}

// functional are the modules of functional groups, which the templates name after the object and the tables before it.
var functional = map[string]string{
	"segmentation": "Segmentation", "parametric-map": "ParametricMap", "enhanced-ct-image": "EnhancedCTImage", "enhanced-mr-image": "EnhancedMRImage",
	"enhanced-mr-color-image": "EnhancedMRImage", "enhanced-pet-image": "EnhancedPETImage", "enhanced-us-volume": "EnhancedUSVolume", "enhanced-xa-image": "EnhancedXAImage",
	"enhanced-xrf-image": "EnhancedXRFImage", "x-ray-3d-angiographic-image": "XRay3DAngiographicImage", "x-ray-3d-craniofacial-image": "XRay3DCraniofacialImage",
	"breast-tomosynthesis-image": "BreastTomosynthesisImage", "breast-projection-x-ray-image": "BreastProjectionXRayImage", "ophthalmic-tomography-image": "OphthalmicTomography",
	"vl-whole-slide-microscopy-image": "WholeSlideMicroscopy", "mr-spectroscopy": "MRSpectroscopy", "photoacoustic-image": "PhotoacousticImage",
	"legacy-converted-enhanced-ct-image": "LegacyConvertedEnhancedCTImage", "legacy-converted-enhanced-mr-image": "LegacyConvertedEnhancedMRImage",
	"legacy-converted-enhanced-pet-image": "LegacyConvertedEnhancedPETImage",
}

func (t *templates) write(dir string) error {
	classes, err := table(dir, "sop_iods.csv")
	if err != nil {
		return err
	}
	uses, err := table(dir, "iod_modules.csv")
	if err != nil {
		return err
	}
	byName := map[string]string{}
	for name, l := range t.lists {
		if !l.macro {
			byName[strings.TrimSuffix(strings.ToLower(name), "module")] = name
		}
	}
	needed := map[string]bool{}
	byIOD := map[string][]string{}
	var order []string
	known := 0
	for _, r := range uses {
		flat := strings.ReplaceAll(r[1], "-", "")
		names := []string{byName[flat]}
		if n, ok := moduleNames[flat]; ok {
			names[0] = n
		}
		if object, ok := strings.CutSuffix(r[1], "-multi-frame-functional-groups"); ok {
			names = []string{"MultiFrameFunctionalGroupsCommon"}
			if n, ok := functional[object]; ok {
				names = append(names, "MultiFrameFunctionalGroupsFor"+n)
			}
		}
		if byIOD[r[0]] == nil {
			order = append(order, r[0])
		}
		for _, n := range names {
			if n == "" {
				byIOD[r[0]] = append(byIOD[r[0]], r[2]+"?"+r[1])
				continue
			}
			known++
			needed[n] = true
			byIOD[r[0]] = append(byIOD[r[0]], r[2]+n)
		}
	}
	var mark func(name string)
	mark = func(name string) {
		if needed[name] && t.lists[name].macro {
			return
		}
		needed[name] = true
		for _, e := range t.lists[name].entries {
			if m := e[1:]; (e[0] == '@' || e[0] == '?') && t.lists[m] != nil {
				mark(m)
			}
		}
	}
	for name := range byName {
		if n := byName[name]; needed[n] {
			mark(n)
		}
	}

	b := bytes.NewBufferString("// Code generated by dicom/internal/gen from tables of PS3.3 and PS3.4; DO NOT EDIT.\n//\n" +
		"// The types of attributes were reached through the module templates of dicom3tools, Copyright (c) 1993-2024, David A. Clunie DBA\n// PixelMed Publishing, under its BSD licence.\n\npackage iod\n\n")
	b.WriteString("// classes are SOP class UIDs, each with its information object.\nvar classes = map[string]string{\n")
	slug := regexp.MustCompile(`[^a-z0-9]+`)
	for _, r := range classes {
		if id := strings.Trim(slug.ReplaceAllString(strings.ToLower(r[2]), "-"), "-"); byIOD[id] != nil {
			fmt.Fprintf(b, "%q: %q,\n", r[0], id)
		} else {
			fmt.Fprintf(os.Stderr, "gen: no modules for the object %q of %s\n", r[2], r[0])
		}
	}
	b.WriteString("}\n\n// objects are lines of an information object and its modules: usage M, C or U, then the name; a name after ? has no list below.\nconst objects = `\n")
	for _, o := range order {
		fmt.Fprintf(b, "%s %s\n", o, strings.Join(byIOD[o], " "))
	}
	b.WriteString("`\n\n// lists are lines of a module or macro and its attributes: tag, then the type 1, 2, 3, a for 1C or b for 2C; { begins the attributes of\n// a sequence's items, } ends them, @ inserts a macro, ? one\n// that a condition governs.\nconst lists = `\n")
	var names []string
	for n := range needed {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		fmt.Fprintf(b, "%s %s\n", n, strings.Join(t.lists[n].entries, " "))
	}
	b.WriteString("`\n")
	fmt.Fprintf(os.Stderr, "gen: %d of %d uses of modules have attributes; %d lists; unknown names: %s\n", known, len(uses), len(names), strings.Join(t.lost, " "))
	return save(filepath.Join("..", "iod", "tables.go"), b)
}
