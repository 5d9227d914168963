"""The language models of this machine, one of which answers."""

import asyncio
from pathlib import Path

from engines.llm.engine import LlmEngine
from engines.models.catalogue import ModelKind
from engines.models.choice import choose, find_model
from engines.models.local import installed, model_path


class LocalModels:
    """Lets another model answer while the program runs; implements the bot's Models."""

    def __init__(self, engine: LlmEngine, data_dir: Path) -> None:
        self._engine = engine
        self._data_dir = data_dir

    async def serving(self) -> str:
        """The name of the model that answers; that of its file where the catalogue does not know it."""
        path = self._engine.model_path
        names = {file: name for name, file in (await asyncio.to_thread(self._paths)).items()}
        return names.get(path, path.stem)

    async def available(self) -> tuple[str, ...]:
        """The models of the catalogue that are on this machine."""
        return tuple(await asyncio.to_thread(self._paths))

    async def switch(self, name: str) -> None:
        """Lets another model answer, also after the next start. Raises CatalogueError or ModelLoadError."""
        path = await asyncio.to_thread(lambda: model_path(find_model(name), self._data_dir))
        await self._engine.swap(path)
        await asyncio.to_thread(choose, name, self._data_dir)

    def _paths(self) -> dict[str, Path]:
        return {
            model.name: model_path(model, self._data_dir)
            for model in installed(self._data_dir)
            if model.kind is ModelKind.LLM
        }
