/// The largest requests that are allowed.
enum FloodBodies {
  /// docs/limits.md, "a body".
  static let bytes = 3 << 20
  /// docs/limits.md, "recipients in a page".
  static let fullPage = 10_000
  /// Of a page that is mostly room between its values: as large, and soon read.
  static let sparsePage = 10

  /// One that says nothing, at length, about a number.
  static func webhook(phoneNumberID: String) -> [UInt8] {
    let head =
      #"{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":"messages","#
      + #""value":{"messaging_product":"whatsapp","metadata":{"phone_number_id":""#
      + phoneNumberID + #""},"flood":""#
    let end = #""}}]}]}"#
    let pad = String(repeating: "x", count: bytes - head.utf8.count - end.utf8.count)
    return Array((head + pad + end).utf8)
  }

  /// A page of `count` people whom no other page has; as large as a body may be.
  static func page(_ number: Int, _ count: Int) -> [UInt8] {
    var body = Array(#"{"page":\#(number),"recipients":["#.utf8)
    for person in 0..<count {
      if person > 0 { body.append(UInt8(ascii: ",")) }
      let phone = 4_915_000_000_000 + number * fullPage + person
      body += #"{"to":"+\#(phone)","parameters":["one"]}"#.utf8
    }
    body += "]".utf8
    body += [UInt8](repeating: UInt8(ascii: " "), count: bytes - body.count - 1)
    body.append(UInt8(ascii: "}"))
    return body
  }
}
