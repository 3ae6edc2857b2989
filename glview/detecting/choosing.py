"""Which model the window uses, and what it says of it."""

from pathlib import Path

from glview.models import registry


class Choosing:
    """What the workspace's choice of a model means for a document; looked up once."""

    def __init__(self, workspace):
        self.workspace = workspace
        self._labels, self._choice = {}, (None, None)
        self._hint = self._misfit = None, ""
        self._together, self._known = (None, {}), {}

    def labels(self):
        """Model name -> words for the menu; models that are not installed say so."""
        if not self._labels:  # it asks the file system for each model
            self._labels["auto"] = "auto: by the instrument"
            for name, info in registry.MODELS.items():
                known = registry.installed(name)
                self._labels[name] = info.title + ("" if known else " (not installed)")
        return self._labels

    def together(self):
        """Name -> words of the chosen model alone and with each other one; {} if that is open."""
        first = registry.first(self.workspace.model)
        if self._together[0] != first:
            self._together = first, registry.partners(first)
        return self._together[1]

    def hint(self, document):
        """A sentence on the chosen model."""
        key = (self.workspace.model, document.key)
        if self._hint[0] != key:
            self._hint = key, self._sentence(document)
        return self._hint[1]

    def misfit(self, document):
        """A warning if the chosen model was made for another camera than the document's, or ""."""
        key = (self.workspace.model, document.key)
        if self._misfit[0] != key:
            auto = self.workspace.model == "auto"
            words = "" if auto else registry.misfit(self.workspace.model, document.image.header)
            self._misfit = key, words
        return self._misfit[1]

    def knows(self, name):
        """True for the name of built-in models that are installed: a file may name no other."""
        if name not in self._known:
            try:
                own = all(one in registry.MODELS for one in registry.split(name)[0])
                self._known[name] = own and registry.installed(name)
            except registry.ModelError:
                self._known[name] = False
        return self._known[name]

    def _sentence(self, document):
        if self.workspace.model == "auto":
            return self.chosen(document)[1]
        try:
            info = registry.lookup(self.workspace.model)
        except registry.ModelError as error:  # a file of weights, or a name from another version
            path = Path(self.workspace.model)
            weights = path.is_file() and path.suffix.lower() != ".toml"
            return f"The weights in {path}." if weights else f"{error}."
        return f"{info.sentence} Expects {info.units}. {info.licence}."

    def chosen(self, document):
        """(model, why) for a document; why is "" where the user named the model."""
        key = (self.workspace.model, document.key)
        if self._choice[0] != key:
            auto = self.workspace.model == "auto"
            chosen = registry.choose(document.image.header) if auto else (key[0], "")
            self._choice = key, chosen
        return self._choice[1]

    @staticmethod
    def credits():
        """A line on each model: what to cite, and its licence."""
        return [f"{info.title}: {info.citation}; {info.licence}"
                for info in registry.MODELS.values()]
