package nn

import "github.com/cineloop/cineloop/torch"

// ChannelsLast stores the kernels of m channels last (ChannelsLast3d for kernels over volumes). A convolution with such a kernel gives
// such an output, whatever the input's layout, so all that follows runs in it; libtorch 1.13 does so for pictures alone. Names, shapes and what [Export] gives stay as they are.
// Call it after [Materialise] and before an optimiser takes the parameters.
func ChannelsLast(m Module) {
	m.Visit("", func(_ string, p *Param) {
		format := torch.ChannelsLast
		switch len(p.Shape) {
		case 4:
		case 5:
			format = torch.ChannelsLast3d
		default:
			return
		}
		if p.T.IsContiguous(format) {
			return
		}
		old := p.T
		p.T.Engine().NoGrad(func() { p.T = old.To(format).Keep() })
		p.T.SetRequiresGrad(!p.Buffer)
		old.Free()
	})
}
