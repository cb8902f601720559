"""The whole bot over a real wire: ccxt on one end, the embedded exchange on the other, loopback between them."""
