// Package segment holds networks that label every voxel or pixel: U-Nets in two and three dimensions, plain and with residual encoders,
// sized by the published rules of nnU-Net, and DeepLabV3. One file a network, citing its paper.
//
// Nouns. A [Spec] sizes a network; [New] builds it as a [Net]. [Net.Maps] gives class scores (logits) for every position, the full
// resolution first and, in training, the coarser ones of deep supervision after it. [PlanUNet] makes a Spec from sizes, spacings and a
// memory budget.
//
// Promises: parameter names are those of the published weights (torchvision's for DeepLabV3; dynamic_network_architectures' for U-Nets,
// less its aliases); a Spec's Cost needs no engine; equal specs and seeds give equal weights.
package segment
