package reading

import (
	"crypto/rand"
	"net/http"
	"path/filepath"
	"slices"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/policy"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/internal/access"
	"github.com/cineloop/cineloop/internal/fault"
)

// studyView is the study for those who lay it out or watch over it.
type studyView struct {
	*annotate.Overview
	CanLogIn []string `json:"can_log_in,omitempty"` // members with a password, for those who add members
}

func (s *Server) getStudy(w http.ResponseWriter, _ *http.Request, v *visitor) error {
	o, err := s.project.Overview(v.who)
	if err != nil {
		return err
	}
	out := studyView{Overview: o}
	for _, m := range o.Members {
		if _, ok := s.users.Stamp(m.Name); ok {
			out.CanLogIn = append(out.CanLogIn, m.Name)
		}
	}
	return tell(w, out, nil)
}

func (s *Server) getProtocols(w http.ResponseWriter, _ *http.Request, v *visitor) error {
	list, err := s.project.Protocols(v.who)
	if list == nil {
		list = []annotate.PublishedProtocol{}
	}
	return tell(w, map[string]any{"revisions": list, "next": len(list) + 1}, err)
}

// checkedProtocol is what becomes of a protocol that is written, before it is published.
type checkedProtocol struct {
	Faults   []protocol.Finding      `json:"faults"`
	Protocol *annotate.ProtocolBrief `json:"protocol,omitempty"` // where there are none
}

func (s *Server) postProtocolCheck(w http.ResponseWriter, r *http.Request, v *visitor) error {
	var in struct {
		YAML string `json:"yaml"`
	}
	if err := read(r, &in); err != nil {
		return err
	}
	if err := s.project.May(v.who, policy.ManageStudy); err != nil {
		return err
	}
	out := checkedProtocol{Faults: []protocol.Finding{}}
	p, faults := protocol.Check([]byte(in.YAML))
	if p == nil {
		out.Faults = faults
		return tell(w, out, nil)
	}
	list, err := s.project.Protocols(v.who)
	if err != nil {
		return err
	}
	if next := len(list) + 1; p.Revision != next {
		out.Faults = append(out.Faults, protocol.FindingAt([]byte(in.YAML), "revision", "revision %d is next, not %d", next, p.Revision))
	}
	out.Protocol = annotate.Brief(p)
	return tell(w, out, nil)
}

func (s *Server) postPreview(w http.ResponseWriter, r *http.Request, v *visitor) error {
	var op annotate.Op
	if err := read(r, &op); err != nil {
		return err
	}
	if op.Kind == annotate.Sent { // with masks in place of names it has a route of its own
		return annotate.ErrDenied
	}
	out, err := s.project.DryRun(r.Context(), v.who, op)
	return tell(w, out, err)
}

// onePassword is a password that is told once.
type onePassword struct {
	Name     string `json:"name"`
	Password string `json:"password,omitempty"`
}

func (s *Server) postMember(w http.ResponseWriter, r *http.Request, v *visitor) error {
	var in struct {
		Name     string        `json:"name"`
		Roles    []policy.Role `json:"roles"`
		Model    string        `json:"model,omitempty"`
		Password bool          `json:"password"` // make one up
	}
	if err := read(r, &in); err != nil {
		return err
	}
	if err := s.project.May(v.who, policy.ManageMembers); err != nil {
		return err
	}
	if err := s.needProof(v); err != nil {
		return err
	}
	if _, err := s.performData(r.Context(), v, annotate.MemberAdded, map[string]any{"name": in.Name, "roles": in.Roles, "model": in.Model}); err != nil {
		return err
	}
	out := onePassword{Name: in.Name}
	if in.Password {
		var err error
		if out.Password, err = s.newPassword(v, in.Name); err != nil {
			return err
		}
	}
	return tell(w, out, nil)
}

func (s *Server) postPassword(w http.ResponseWriter, r *http.Request, v *visitor) error {
	var in struct {
		Name string `json:"name"`
	}
	if err := read(r, &in); err != nil {
		return err
	}
	if err := s.project.May(v.who, policy.ManageMembers); err != nil {
		return err
	}
	if _, err := s.project.Me(in.Name); err != nil {
		return err
	}
	if err := s.needProof(v); err != nil {
		return err
	}
	word, err := s.newPassword(v, in.Name)
	return tell(w, onePassword{in.Name, word}, err)
}

// newPassword makes a member's password up; sessions of the older one end. The access log has it before it holds.
func (s *Server) newPassword(v *visitor, name string) (string, error) {
	if err := s.log.durable(entry{Event: "annotate", Who: v.who, Session: v.session.tag, Kind: "password.set", Object: name}); err != nil {
		return "", err
	}
	word := rand.Text()
	s.coordinate.passwords.Lock()
	defer s.coordinate.passwords.Unlock()
	return word, access.SetPassword(filepath.Join(s.project.Dir(), UsersFile), name, word)
}

// masks translate between what a coordinator is shown of adjudicators and what the project knows them by.
func (s *Server) decideBy(masks []string) ([]string, error) {
	if len(masks) == 0 {
		return nil, fault.New(fault.Input, "choose who is to decide")
	}
	var out []string
	for _, mask := range masks {
		name := s.project.Unmask(mask)
		if name == "" {
			return nil, fault.New(fault.Input, "there is nobody with the mask %.20q", mask)
		}
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out, nil
}
