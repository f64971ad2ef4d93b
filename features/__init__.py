"""Image -> embedding: decoding, preprocessing, backbones, engines, the HDF5 store."""
