import Wire

/// A template as one message uses it.
struct TemplateUse: Hashable, Sendable {
  let name: String
  let language: String
  /// How many parameters the message brings for the header and for the body.
  let headerParameters: Int
  let bodyParameters: Int

  /// `components` as Graph takes them; nil: none.
  init(name: String, language: String, components: JSONNode?) {
    self.name = name
    self.language = language
    func count(_ type: String) -> Int {
      let component = components?.elements.first { $0["type"]?.string?.lowercased() == type }
      return component?["parameters"].map { Array($0.elements).count } ?? 0
    }
    headerParameters = count("header")
    bodyParameters = count("body")
  }
}

extension Template {
  /// Refuses what Graph would refuse whatever is in it: Meta has paused or rejected the template.
  func requireSendable() throws(Failure) {
    guard status.maySend else {
      throw Failure(.invalidState, "the template is \(status.rawValue)")
    }
  }

  /// Refuses a message that Graph would refuse for its template: because of where that stands with
  /// Meta, or because it brings more or fewer parameters than the texts have.
  ///
  /// What is no text is Graph's to count: media of a header, and what Meta itself writes.
  func check(_ use: TemplateUse) throws(Failure) {
    try requireSendable()
    let texts = textParameters
    for (type, wanted, given) in [
      ("header", texts.header?.count, use.headerParameters),
      ("body", texts.body?.count, use.bodyParameters),
    ] {
      guard let wanted, wanted != given else { continue }
      throw Failure(
        .invalidField,
        "template.components: the template's \(type) has \(wanted) parameters, the message brings"
          + " \(given)")
    }
  }
}
