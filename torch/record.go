package torch

// Recorded is a call of an operator while a [Engine.Record] lasts. Args and Out are as [Engine.Call] has them; the operators that work in
// place have no Out: they change Args[0].
type Recorded struct {
	Op   string // schema name, such as "aten::add.Tensor"
	Args []any
	Out  []any
}

// Record calls fn and shows every operator that it calls to see, in order, after it has run. Tensors are shown while they live: what see
// wants to know of one it reads at once, by calls that are not shown. One recording at a time.
func (e *Engine) Record(see func(Recorded), fn func()) {
	e.check()
	if e.record != nil {
		panic("torch: a recording inside a recording")
	}
	e.record = func(r Recorded) {
		outer := e.record
		e.record = nil
		defer func() { e.record = outer }()
		see(r)
	}
	defer func() { e.record = nil }()
	fn()
}

// recorded tells of a call, where somebody listens.
func (e *Engine) recorded(op string, args, out []any) {
	if e.record != nil {
		e.record(Recorded{op, args, out})
	}
}
