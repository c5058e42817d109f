"""A finished model for devices without Python packages: as ONNX or in CTranslate2, in 8 bits, with what each costs."""
