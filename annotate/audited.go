package annotate

import (
	"github.com/cineloop/cineloop/annotate/policy"
	"github.com/cineloop/cineloop/annotate/protocol"
)

// Watcher says how somebody may look at who asked for what.
type Watcher struct {
	Log    bool              // the project's own log too
	Masked bool              // readers are shown by mask
	Masks  map[string]string // of everybody who reads, by name
}

// Watch is how somebody may look at the access log; ErrDenied where they may not. Who has a case left to read unaided may not.
func (p *Project) Watch(who string) (*Watcher, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	m, err := p.view(who)
	if err != nil {
		return nil, err
	}
	f := p.state.phaseFacts(m)
	for _, a := range p.state.tasks[who] {
		if _, done := p.state.locked(a.ID); !done && a.Arm == protocol.Unaided {
			f |= policy.MustRead
		}
	}
	d := policy.Decide(m.Roles, policy.ViewAccess, f)
	if !d.Allowed {
		return nil, ErrDenied
	}
	out := &Watcher{Masked: d.Masked, Masks: map[string]string{}, Log: policy.Decide(m.Roles, policy.ViewLog, f).Allowed}
	for name, o := range p.state.members {
		for _, r := range o.Roles {
			if reads(r) {
				out.Masks[name] = o.Mask
			}
		}
	}
	return out, nil
}
