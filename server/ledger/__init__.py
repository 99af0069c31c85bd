"""电子设备台账: the register of devices, as of any date."""
