package intake

import (
	"encoding/csv"
	"errors"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/internal/fault"
)

// Key is what a file calls a picture by; the first that is not empty counts.
type Key struct {
	SOP   string // UID
	ID    string // in a table of pictures alone
	Name  string // of a file, as the project names it or by its last part; its stem may be the UID or the file's SHA-256
	Frame int    // from 0
}

// place is a picture in the project.
type place struct {
	task    annotate.Task
	image   int // in the case, from 1
	frame   int // from 0
	picture annotate.Picture
}

// Pictures are those that a member may answer about, by all that a file may call them.
type Pictures struct {
	who   string
	by    map[string][]place // SOP, digest, file, base, stem
	table map[string]Key     // name or id to what the project knows
}

// Which assignments answers go to: a member may have several of one case.
type Which struct {
	Session int    // from 1; 0 is 1
	Arm     string // "" is unaided
}

// PicturesOf are those of a member's assignments whose turn has come.
func PicturesOf(p *annotate.Project, who string, which Which) (*Pictures, error) {
	list, err := p.Worklist(who)
	if err != nil {
		return nil, err
	}
	out := &Pictures{who: who, by: map[string][]place{}}
	for _, task := range list {
		if task.Session != max(1, which.Session) || task.Arm != armOf(which.Arm) {
			continue
		}
		pics, err := p.Pictures(who, task.Assignment)
		if errors.Is(err, annotate.ErrUnknown) { // its turn has not come
			continue
		}
		if err != nil {
			return nil, err
		}
		for i, pic := range pics {
			out.add(place{task: task, image: i + 1, picture: pic})
		}
	}
	return out, nil
}

func armOf(arm string) string {
	if arm == "" {
		return "unaided"
	}
	return arm
}

func (p *Pictures) add(at place) {
	base := path.Base(at.picture.File)
	for _, k := range []string{at.picture.SOP, at.picture.Digest, at.picture.File, base, stem(base)} {
		if k == "" || slices.ContainsFunc(p.by[k], func(o place) bool { return o.task.Assignment == at.task.Assignment && o.image == at.image }) {
			continue
		}
		p.by[k] = append(p.by[k], at)
	}
}

// stem is a name without its last ending; UIDs have dots but no endings.
func stem(name string) string {
	ext := path.Ext(name)
	if ext == "" || strings.Trim(ext[1:], "0123456789") == "" {
		return name
	}
	return strings.TrimSuffix(name, ext)
}

// Table adds a table that says which pictures a file's names mean: columns name or id, and file or sop, and frame (from 0) where a name is that of a single frame
// of a loop. Code input.
func (p *Pictures) Table(table io.Reader) error {
	c := csv.NewReader(table)
	head, err := c.Read()
	if err != nil {
		return fault.New(fault.Input, "the table of pictures has no header")
	}
	head[0] = strings.TrimPrefix(head[0], "\ufeff")
	at := map[string]int{}
	for i, h := range head {
		at[strings.TrimSpace(h)] = i
	}
	column := func(names ...string) int {
		for _, n := range names {
			if i, ok := at[n]; ok {
				return i
			}
		}
		return -1
	}
	from, file, sop, frame := column("name", "id", "file_name", "FileName", "image_id"), column("file"), column("sop", "sop_instance_uid"), column("frame")
	if from < 0 || file < 0 && sop < 0 {
		return fault.New(fault.Input, "the table of pictures has no columns name (or id) and file (or sop)")
	}
	p.table = map[string]Key{}
	for line := 2; ; line++ {
		row, err := c.Read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fault.New(fault.Input, "row %d of the table of pictures can't be read", line)
		}
		var k Key
		if sop >= 0 {
			k.SOP = strings.TrimSpace(row[sop])
		}
		if file >= 0 {
			k.Name = strings.TrimSpace(row[file])
		}
		if frame >= 0 && row[frame] != "" {
			if k.Frame, err = strconv.Atoi(strings.TrimSpace(row[frame])); err != nil {
				return fault.New(fault.Input, "row %d of the table of pictures: the frame is no whole number", line)
			}
		}
		name := strings.TrimSpace(row[from])
		if _, twice := p.table[name]; twice {
			return fault.New(fault.Input, "row %d of the table of pictures names one that stands above", line)
		}
		p.table[name] = k
	}
}

// find is the place that a key means. Code notfound and, where it may mean several, conflict.
func (p *Pictures) find(k Key) (place, error) {
	for _, name := range []string{k.Name, k.ID} {
		if to, ok := p.table[name]; ok && name != "" {
			to.Frame += k.Frame
			return p.lookup(to)
		}
	}
	return p.lookup(k)
}

func (p *Pictures) lookup(k Key) (place, error) {
	if k.SOP != "" {
		return p.one(p.by[k.SOP], k.Frame)
	}
	if k.Name != "" {
		base := path.Base(strings.ReplaceAll(k.Name, `\`, "/"))
		for _, key := range []string{k.Name, base, stem(base)} {
			if list := p.by[key]; len(list) > 0 {
				return p.one(list, k.Frame)
			}
		}
	}
	return place{}, p.none()
}

func (p *Pictures) none() error {
	return fault.New(fault.NotFound, "its picture is of no case that %s may read now", p.who)
}

func (p *Pictures) one(list []place, frame int) (place, error) {
	switch len(list) {
	case 0:
		return place{}, p.none()
	case 1:
		at := list[0]
		at.frame = frame
		if frame < 0 || frame >= at.picture.Frames {
			return at, fault.New(fault.Input, "its picture has no frame %d, counted from 0", frame)
		}
		return at, nil
	}
	return place{}, fault.New(fault.Conflict, "%d pictures have the name by which it is known", len(list)).WithHint("name them by UID, or in a table of pictures")
}
