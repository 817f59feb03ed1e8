package reading

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"regexp"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/measure"
	"github.com/cineloop/cineloop/internal/fault"
)

// What a browser says besides ops: where it is, what is being drawn, what is to be painted. None of it is in the log.
const (
	kindPresence annotate.Kind = "presence"
	kindLive     annotate.Kind = "live"
	kindTake     annotate.Kind = "lease.take"
	kindRelease  annotate.Kind = "lease.release"
)

var passing = map[annotate.Kind]bool{kindPresence: true, kindLive: true, kindTake: true, kindRelease: true}

const (
	maxLive    = 64 << 10 // bytes of what is being drawn
	maxPoints  = 2048     // of a stroke
	liveRate   = 60       // a second of one session; more are dropped
	liveSpare  = 30       // of the burst, kept for the messages that end a shape
	liveBurst  = 90
	farOutside = 1e6 // pixels
)

// drawing is a shape or a stroke while it is being made. The server takes it apart and puts it together again: nothing else gets through.
type drawing struct {
	Reading string          `json:"reading"`
	Who     string          `json:"who"` // the server's
	Image   int             `json:"image"`
	Frame   int             `json:"frame"`
	Item    string          `json:"item,omitempty"`
	Object  string          `json:"object,omitempty"` // answer that is being changed, or the name that a new one will have
	Shape   *annotate.Drawn `json:"shape,omitempty"`
	Stroke  *stroke         `json:"stroke,omitempty"`
	Cursor  *measure.Point  `json:"cursor,omitempty"`
	Done    bool            `json:"done,omitempty"` // it is finished, or was given up: an answer says which
}

// stroke is one of a brush, from its beginning.
type stroke struct {
	Erase  bool            `json:"erase,omitempty"`
	Radius float64         `json:"radius"` // pixels
	Points []measure.Point `json:"points"`
}

var (
	objectForm = regexp.MustCompile(`^([0-9a-f]{32})?$`)
	itemForm   = regexp.MustCompile(`^[a-z0-9_]{0,64}$`)
	errDrawing = fault.New(fault.Input, "what is drawn does not fit its picture")
)

// check says whether a drawing may be passed on; frames are those of the reading's pictures.
func (d *drawing) check(frames []int) error {
	if d.Image < 1 || d.Image > len(frames) || d.Frame < 0 || d.Frame >= frames[d.Image-1] || !objectForm.MatchString(d.Object) || !itemForm.MatchString(d.Item) {
		return errDrawing
	}
	var points []measure.Point
	if d.Shape != nil { // half-drawn: fewer points than its kind asks for
		if len(d.Shape.Points) > measure.MaxPoints || d.Shape.Image != d.Image || d.Shape.Frame != d.Frame || !itemForm.MatchString(string(d.Shape.Kind)) || !itemForm.MatchString(d.Shape.Role) {
			return errDrawing
		}
		points = append(points, d.Shape.Points...)
	}
	if d.Stroke != nil {
		if len(d.Stroke.Points) > maxPoints || !(d.Stroke.Radius > 0 && d.Stroke.Radius <= 4096) {
			return errDrawing
		}
		points = append(points, d.Stroke.Points...)
	}
	if d.Cursor != nil {
		points = append(points, *d.Cursor)
	}
	for _, p := range points {
		if !(math.Abs(p.X) < farOutside && math.Abs(p.Y) < farOutside) {
			return errDrawing
		}
	}
	return nil
}

// say takes what a browser says besides ops, wherever it came from. A receipt without a kind is none: what is drawn is not answered.
func (s *Server) say(ctx context.Context, st *stream, op annotate.Op) (receipt, error) {
	if len(op.ID) > 128 {
		return receipt{}, fault.New(fault.Usage, "an op's name has at most 128 bytes")
	}
	switch op.Kind {
	case kindLive:
		return receipt{}, s.draw(st, op)
	case kindPresence:
		var to here
		if err := strictly(op.Data, &to); err != nil {
			return receipt{}, err
		}
		if to.Image < 0 || to.Frame < 0 {
			return receipt{}, errBody
		}
		if err := st.v.session.ops.Wait(ctx); err != nil {
			return receipt{}, fault.New(fault.Interrupted, "the op was given up")
		}
		return receipt{Op: op.ID, Kind: op.Kind}, s.together.move(st, to)
	}
	var at annotate.PaintPlace
	if err := strictly(op.Data, &at); err != nil {
		return receipt{}, err
	}
	if err := st.v.session.ops.Wait(ctx); err != nil {
		return receipt{}, fault.New(fault.Interrupted, "the op was given up")
	}
	if op.Kind == kindRelease {
		if err := s.project.ReleaseLease(st.v.who, at); err != nil {
			return receipt{}, err
		}
		s.together.leases(at.Reading, nil)
		return receipt{Op: op.ID, Kind: op.Kind}, nil
	}
	l, err := s.project.TakeLease(st.v.who, at)
	if err != nil {
		return receipt{}, err
	}
	s.together.leases(at.Reading, nil)
	b, err := json.Marshal(leaseOf(l, s.now()))
	return receipt{Op: op.ID, Kind: op.Kind, Data: b}, err
}

// draw passes on what is being drawn, of whoever may change the reading, to whoever attends it. What comes too fast is dropped; the end of a shape is
// dropped last.
func (s *Server) draw(st *stream, op annotate.Op) error {
	if len(op.Data) > maxLive {
		return errBody
	}
	var d drawing
	if err := strictly(op.Data, &d); err != nil {
		return err
	}
	limit := st.v.session.live
	if !d.Done && limit.TokensAt(s.now()) < liveSpare || !limit.AllowN(s.now(), 1) {
		return nil
	}
	frames, err := s.project.Draws(st.v.who, d.Reading)
	if err != nil {
		return err
	}
	if err := d.check(frames); err != nil {
		return err
	}
	d.Who = st.v.who
	b, err := json.Marshal(d)
	if err != nil {
		return errDrawing
	}
	key := d.Object
	if d.Shape == nil && d.Stroke == nil && !d.Done {
		key = "cursor"
	}
	s.together.pass(st, d.Reading, key, b)
	return nil
}

// strictly reads the data of one message.
func strictly(b []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if dec.Decode(v) != nil {
		return errBody
	}
	if _, err := dec.Token(); err != io.EOF {
		return errBody
	}
	return nil
}

// postLive is what a socket would take besides ops, where there is none. stream is what the stream of server-sent events began with.
func (s *Server) postLive(w http.ResponseWriter, r *http.Request, v *visitor) error {
	var in struct {
		Stream string `json:"stream"`
		annotate.Op
	}
	if err := read(r, &in); err != nil {
		return err
	}
	st, ok := s.together.find(v, in.Stream)
	if !ok {
		return annotate.ErrUnknown
	}
	if !passing[in.Kind] {
		return annotate.ErrDenied
	}
	out, err := s.say(r.Context(), st, in.Op)
	return tell(w, out, err)
}

func (s *Server) getComments(w http.ResponseWriter, r *http.Request, v *visitor) error {
	list, err := s.project.Comments(v.who, r.PathValue("id"))
	return tell(w, list, err)
}

func (s *Server) getShared(w http.ResponseWriter, _ *http.Request, v *visitor) error {
	list, err := s.project.Shared(v.who)
	return tell(w, list, err)
}

func (s *Server) getPool(w http.ResponseWriter, _ *http.Request, v *visitor) error {
	pool, err := s.project.Pool(v.who)
	return tell(w, pool, err)
}
