"""Where parcels go in tests."""

ADDRESS = {
    "name": "Ada Bell",
    "street": "Keizersgracht 1",
    "city": "Amsterdam",
    "postal_code": "1015 CJ",
    "country": "NL",
}
