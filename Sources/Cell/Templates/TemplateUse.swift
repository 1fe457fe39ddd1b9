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
  /// Refuses a message that Graph would refuse for its template: because of where that stands with
  /// Meta, or because it brings more or fewer parameters than the texts have.
  ///
  /// What is no text is Graph's to count: media of a header, and what Meta itself writes.
  func check(_ use: TemplateUse) throws(Failure) {
    guard status.maySend else {
      throw Failure(.invalidState, "the template is \(status.rawValue)")
    }
    for (type, wanted, given) in [
      ("header", textParameters(of: "HEADER"), use.headerParameters),
      ("body", textParameters(of: "BODY"), use.bodyParameters),
    ] {
      guard let wanted, wanted != given else { continue }
      throw Failure(
        .invalidField,
        "template.components: the template's \(type) has \(wanted) parameters, the message brings"
          + " \(given)")
    }
  }

  /// How many parameters a component's text has; nil where there is no such text.
  private func textParameters(of type: String) -> Int? {
    guard let root = try? JSONTape(components).root else { return nil }
    let component = root.elements.first { $0["type"]?.string?.uppercased() == type }
    return component?["text"]?.string.map { TemplateText($0).parameters.count }
  }
}
