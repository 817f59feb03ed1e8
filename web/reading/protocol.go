package reading

import (
	"net/http"

	"github.com/cineloop/cineloop/annotate/measure"
	"github.com/cineloop/cineloop/annotate/protocol"
)

// protocolView is what is asked, as a browser gets it. Which member is the AI, how many cases come twice, which options count as the disease
// and what is a disagreement are not for those who answer.
type protocolView struct {
	Revision int                 `json:"revision"`
	Title    string              `json:"title"`
	Design   protocol.DesignKind `json:"design"`
	Items    []itemView          `json:"items"`
	Hanging  []protocol.Hanging  `json:"hanging,omitempty"`
}

type itemView struct {
	Name         string            `json:"name"`
	Label        string            `json:"label"`
	Kind         protocol.ItemKind `json:"kind"`
	Scope        protocol.Scope    `json:"scope"`
	Code         *codeView         `json:"code,omitempty"`
	Options      []optionView      `json:"options,omitempty"`
	Unit         string            `json:"unit,omitempty"`
	Min          *float64          `json:"min,omitempty"`
	Max          *float64          `json:"max,omitempty"`
	Shape        measure.Kind      `json:"shape,omitempty"`
	Value        string            `json:"value,omitempty"`
	Required     bool              `json:"required"`
	Confidence   bool              `json:"confidence"`
	CannotAssess []string          `json:"cannot_assess,omitempty"`
}

type optionView struct {
	Name string    `json:"name"`
	Code *codeView `json:"code,omitempty"`
}

type codeView struct {
	Scheme  string `json:"scheme"`
	Value   string `json:"value"`
	Meaning string `json:"meaning"`
}

func codeOf(c protocol.Code) *codeView {
	if c == (protocol.Code{}) {
		return nil
	}
	return &codeView{c.Scheme, c.Value, c.Meaning}
}

func (s *Server) getProtocol(w http.ResponseWriter, _ *http.Request, v *visitor) error {
	p, err := s.project.Protocol(v.who)
	if err != nil {
		return err
	}
	out := protocolView{Revision: p.Revision, Title: p.Title, Design: p.Design.Kind, Items: make([]itemView, len(p.Items)), Hanging: p.Hanging}
	for i, it := range p.Items {
		view := itemView{Name: it.Name, Label: it.Label, Kind: it.Kind, Scope: it.Scope, Code: codeOf(it.Code), Unit: it.Unit, Min: it.Min, Max: it.Max, Shape: it.Shape,
			Value: it.Value, Required: it.Required, Confidence: it.Confidence, CannotAssess: it.CannotAssess}
		for _, o := range it.Options {
			view.Options = append(view.Options, optionView{o.Name, codeOf(o.Code)})
		}
		if it.Kind == protocol.Origin { // a choice, to a browser
			view.Kind = protocol.Choice
			for _, arm := range p.Design.Arms() {
				for _, name := range protocol.Origins(arm) {
					view.Options = append(view.Options, optionView{Name: name})
				}
			}
		}
		out.Items[i] = view
	}
	return tell(w, out, nil)
}
