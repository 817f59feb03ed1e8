package annotate

import (
	"encoding/json"
	"time"

	"github.com/cineloop/cineloop/annotate/measure"
	"github.com/cineloop/cineloop/annotate/policy"
)

// Kind of an op and of the event that it becomes.
type Kind string

// The kinds.
const (
	ProjectCreated Kind = "project.create"
	PhaseSet       Kind = "phase.set"
	MemberAdded    Kind = "member.add"
	ProtocolSet    Kind = "protocol.publish"
	CaseAdded      Kind = "case.add"
	Assigned       Kind = "assign"
	ReadingOpened  Kind = "reading.open"
	AnswerPut      Kind = "answer.put"
	AnswerRemoved  Kind = "answer.remove"
	TimeSpent      Kind = "reading.time"
	ReadingLocked  Kind = "reading.lock"
	ReadingShared  Kind = "reading.share"
	Commented      Kind = "comment"
	Sent           Kind = "adjudication.send"
	Decided        Kind = "adjudication.result"
	TruthSigned    Kind = "truth.sign"
	Unblinded      Kind = "unblind"
	Exported       Kind = "export"
	CaseTaken      Kind = "case.take"
	PutBack        Kind = "case.return"
	DueSet         Kind = "due.set"
	Ordered        Kind = "assignment.order"
)

// Op is what somebody asks for.
type Op struct {
	ID     string          `json:"id,omitempty"` // chosen by who asks; the same one is taken once
	Kind   Kind            `json:"kind"`
	Object string          `json:"object,omitempty"` // what it is about: an answer, a reading, an assignment
	Base   int             `json:"base,omitempty"`   // version of the object that it builds on; 0: a new one
	Data   json.RawMessage `json:"data,omitempty"`
}

// Event is an op that was taken.
type Event struct {
	Seq     int64           `json:"-"` // in the log; in somebody's stream, in the stream
	At      time.Time       `json:"at"`
	Actor   string          `json:"actor"`
	Op      string          `json:"op,omitempty"`
	Kind    Kind            `json:"kind"`
	Object  string          `json:"object,omitempty"`
	Version int             `json:"version,omitempty"` // of the object, after it
	Data    json.RawMessage `json:"data,omitempty"`
}

// Phase of a project.
type Phase string

// The phases, in order.
const (
	Setup        Phase = "setup"
	InReading    Phase = "reading"
	Adjudicating Phase = "adjudication"
	Closed       Phase = "closed"
)

// Member is somebody, or a model, in a project.
type Member struct {
	Name  string        `json:"name"`
	Mask  string        `json:"mask"` // what others see in its place
	Roles []policy.Role `json:"roles"`
	Model string        `json:"model,omitempty"` // name and version, of a model

	unblinded bool
}

// AI says that the member is a model.
func (m *Member) AI() bool { return m.Model != "" }

// Case is what is read: the pictures of one exam.
type Case struct {
	ID      string    `json:"id"`      // says nothing
	Patient string    `json:"patient"` // pseudonym; cases of one patient are not independent
	Images  []Picture `json:"images"`
}

// SeriesOf is the series that an image belongs to, by the number of its first image in the case, from 1.
func (c *Case) SeriesOf(image int) int {
	for i, p := range c.Images {
		if p.Series == c.Images[image-1].Series {
			return i + 1
		}
	}
	return image
}

// series is how many series there are.
func (c *Case) series() (n int) {
	for i := range c.Images {
		if c.SeriesOf(i+1) == i+1 {
			n++
		}
	}
	return n
}

// Picture is one image or cine loop of a case. Readers know it by its number in the case, from 1.
type Picture struct {
	File    string `json:"file"`   // relative to the project's folder, or absolute
	Digest  string `json:"sha256"` // of the file
	SOP     string `json:"sop_instance_uid"`
	Class   string `json:"sop_class_uid"`
	Series  string `json:"series_instance_uid"`
	Study   string `json:"study_instance_uid"`
	Rows    int    `json:"rows"`
	Columns int    `json:"columns"`
	Frames  int    `json:"frames"`
}

// Assignment gives a case to a reader.
type Assignment struct {
	ID      string   `json:"id"`
	Reader  string   `json:"reader"`
	Case    string   `json:"case"`
	Arm     string   `json:"arm"`     // unaided, aided, adjudication
	Session int      `json:"session"` // from 1
	Order   int      `json:"order"`   // of the reader's, from 1
	After   string   `json:"after,omitempty"`
	Days    int      `json:"days,omitempty"`    // that must have passed since After was locked
	Sources []string `json:"sources,omitempty"` // readings to decide between, or the sides of a preference, in the order shown
	Items   []string `json:"items,omitempty"`   // asked; none: all
	Reason  string   `json:"reason,omitempty"`  // why it was sent to adjudication
	Due     string   `json:"due,omitempty"`     // date

	Priority float64 `json:"priority,omitempty"` // where the protocol lets a coordinator set it: higher ones are read first, equal ones in their order

	reading  string
	byChance bool // its place in the order comes from chance
	pooled   bool // anybody could have taken it
	place    int  // in the pool
}

// Reading is what one reader says of one case.
type Reading struct {
	ID          string
	Assignment  string
	Reader      string // member; "" of a computed result
	Case        string
	Arm         string
	Session     int
	Revision    int // of the protocol that it follows
	Opened      time.Time
	LockedAt    time.Time // zero: a draft
	Seconds     float64   // spent in focus
	Screen      []Shown   // what was on it
	Answers     []*Answer // in the order in which they were first given
	Revealed    []string  // readings that were shown along, logged when it was opened
	Prefilled   []*Answer // what it began with: copies of a model's answers, as they were
	SharedWith  []string
	DerivedFrom []string
	Method      string // of adjudication
	Rationale   string

	comments []*Comment
	spent    map[string]float64 // seconds, by member
}

// Locked says that the reading is final.
func (r *Reading) Locked() bool { return !r.LockedAt.IsZero() }

// Drawn is a shape with where it was drawn and what it stands for.
type Drawn struct {
	Role  string `json:"role,omitempty"` // of an ejection fraction: a4c_ed, a4c_es, a2c_ed, a2c_es
	Image int    `json:"image"`          // from 1
	measure.Shape
}

// Answer is one answer to one item.
type Answer struct {
	ID      string `json:"id,omitempty"`
	Version int    `json:"version,omitempty"`

	Item  string `json:"item"`
	Image int    `json:"image,omitempty"` // from 1; 0: of the exam
	Frame int    `json:"frame,omitempty"` // from 0
	To    int    `json:"to,omitempty"`    // last frame of an interval

	Choice       []string `json:"choice,omitempty"`
	Number       *float64 `json:"number,omitempty"` // typed in, or the frame that was chosen
	Text         string   `json:"text,omitempty"`
	Shapes       []Drawn  `json:"shapes,omitempty"`
	Mask         *Mask    `json:"mask,omitempty"`
	Confidence   *int     `json:"confidence,omitempty"` // 0–100
	CannotAssess string   `json:"cannot_assess,omitempty"`

	// Computed by the server; what a client sends here is ignored.
	DerivedFrom string           `json:"derived_from,omitempty"` // the model's answer that it began as a copy of
	Value       *float64         `json:"value,omitempty"`        // what counts, in Unit
	Unit        string           `json:"unit,omitempty"`
	Results     []measure.Result `json:"results,omitempty"`
}

// at is what an answer is about: there is one answer of a reading to each.
func (a *Answer) at() [4]any { return [4]any{a.Item, a.Image, a.Frame, a.To} }
