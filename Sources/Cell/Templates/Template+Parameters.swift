import Wire

extension Template {
  /// What a send has to fill in: the names of the body's parameters in order, such as `1`, `2`.
  var bodyParameters: [String] { textParameters.body ?? [] }

  /// The names of the parameters of a text header, none or one, and of the body; nil where there is
  /// no such text.
  var textParameters: (header: [String]?, body: [String]?) {
    guard let root = try? JSONTape(components).root else { return (nil, nil) }
    func parameters(of type: String) -> [String]? {
      let component = root.elements.first { $0["type"]?.string?.uppercased() == type }
      return component?["text"]?.string.map { TemplateText($0).parameters }
    }
    return (parameters(of: "HEADER"), parameters(of: "BODY"))
  }
}
