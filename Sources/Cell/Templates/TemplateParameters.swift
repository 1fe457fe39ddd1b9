import Wire

/// The names of the parameters in a template's texts, in order; nil where there is no such text.
struct TemplateParameters: Hashable, Sendable {
  /// None or one.
  let header: [String]?
  let body: [String]?

  /// `components` as a template has them, in JSON.
  init(components: [UInt8]) {
    let root = try? JSONTape(components).root
    func parameters(of type: String) -> [String]? {
      let component = root?.elements.first { $0["type"]?.string?.uppercased() == type }
      return component?["text"]?.string.map { TemplateText($0).parameters }
    }
    header = parameters(of: "HEADER")
    body = parameters(of: "BODY")
  }
}

extension Template {
  /// What a send has to fill in: the names of the body's parameters, such as `1`, `2`.
  var bodyParameters: [String] { textParameters.body ?? [] }
}
