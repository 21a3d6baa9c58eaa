"""The engines that step the primal–dual method; all take the same steps.

`contract` says what an engine is and chooses one; `reference` is the method as mathematics, in
torch. `fused` runs `kernels` (any number of tissues) and `binary_kernel` (two) on the processor,
cut into `stripes` for threads, or in `windows` of the image alone by `window_kernel`, with
`audit_kernel` for the certificate; `graphs` is torch on any device, without waiting for the
processor.
"""
