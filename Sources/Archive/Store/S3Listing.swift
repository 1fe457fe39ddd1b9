/// One page of a bucket's listing, read from its XML.
///
/// The format is fixed and flat; entities are decoded, everything else is skipped.
struct S3Listing: Hashable, Sendable {
  struct Entry: Hashable, Sendable {
    var name: String
    var bytes: UInt64
  }

  var entries: [Entry] = []
  /// Where the next page begins; nil: this is the last.
  var next: String?
  /// Whether the document ends as it should.
  var isComplete: Bool

  init(_ xml: [UInt8]) {
    let text = String(decoding: xml, as: UTF8.self)
    isComplete = text.contains("</ListBucketResult>")
    var rest = text[...]
    while let (content, after) = Self.element("Contents", in: rest) {
      if let name = Self.element("Key", in: content)?.content,
        let size = Self.element("Size", in: content).flatMap({ UInt64($0.content) })
      {
        entries.append(Entry(name: Self.decode(name), bytes: size))
      }
      rest = after
    }
    if Self.element("IsTruncated", in: text[...])?.content == "true" {
      next = Self.element("NextContinuationToken", in: text[...]).map { Self.decode($0.content) }
      if next == nil { isComplete = false }
    }
  }

  /// The text of the first element of this name.
  static func text(_ name: String, in xml: [UInt8]) -> String? {
    element(name, in: String(decoding: xml, as: UTF8.self)[...]).map { decode($0.content) }
  }

  private static func element(
    _ name: String, in text: Substring
  ) -> (content: Substring, after: Substring)? {
    guard let open = text.firstRange(of: "<\(name)>") else { return nil }
    let behind = text[open.upperBound...]
    guard let close = behind.firstRange(of: "</\(name)>") else { return nil }
    return (behind[..<close.lowerBound], behind[close.upperBound...])
  }

  static func decode(_ text: Substring) -> String {
    guard text.contains("&") else { return String(text) }
    return String(text).replacing("&lt;", with: "<").replacing("&gt;", with: ">")
      .replacing("&quot;", with: "\"").replacing("&apos;", with: "'").replacing("&#39;", with: "'")
      .replacing("&amp;", with: "&")
  }
}
