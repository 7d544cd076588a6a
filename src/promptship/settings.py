"""Settings of a project and of the environment. Reading them is explicit; nothing is read at import."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - pydantic reads it at run time
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

__all__ = ["Endpoint", "Settings"]


class Endpoint(BaseModel):
    """Where calls to a named endpoint go, and which environment variable holds its key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: str
    api_key_env: str | None = None


class Settings(BaseSettings):
    """`[tool.promptship]` of pyproject.toml or the whole of promptship.toml; `PROMPTSHIP_*` variables win.

    Attributes:
        prompts_dir: Folder of `.prompt` files and `models.yaml`, relative to the project.
        evalsets_dir: Folder of evalset files, relative to the project.
        state_dir: Folder of the machine's data, relative to the project; git-ignored.
        endpoints: OpenAI-compatible endpoints by name.
        concurrency: Cells in flight at most, over all models.
        max_cost_usd: What one command may spend; None for no limit.
        max_error_rate: Share of cells that may end in an error before the run fails as infrastructure.
        min_scored: Share of cells that must be scored for a verdict to pass.
        cache_dir: User cache for models; None for the platform's place.
        database_url: The registry: a path, relative to the project, or `postgresql+psycopg://…`; None for
            `registry.db` in the state folder. A URL with a password belongs into the environment.
        server_url: A server that has the registry; None where it is in a database. Its token is no setting: see
            `promptctl login`.
        server_plain_http: Whether a token may go to `server_url` over a network without TLS.
        source: Where labels are: `registry`, or `git` for `promptship.lock`; None for the registry where there is one,
            else the lock.
    """

    model_config = SettingsConfigDict(env_prefix="PROMPTSHIP_", env_nested_delimiter="__", extra="forbid", frozen=True)

    prompts_dir: str = "prompts"
    evalsets_dir: str = "evalsets"
    state_dir: str = ".promptship"
    endpoints: dict[str, Endpoint] = Field(default_factory=dict)
    concurrency: PositiveInt = 64
    max_cost_usd: Annotated[float, Field(ge=0)] | None = None
    max_error_rate: Annotated[float, Field(ge=0, le=1)] = 0.01
    min_scored: Annotated[float, Field(ge=0, le=1)] = 0.99
    cache_dir: Path | None = None
    database_url: str | None = None
    server_url: str | None = None
    server_plain_http: bool = False
    source: Literal["git", "registry"] | None = None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over the project's file; read no `.env` and no secrets folder."""
        del settings_cls, dotenv_settings, file_secret_settings
        return env_settings, init_settings

    @classmethod
    def from_file_table(cls, table: dict[str, Any]) -> Settings:
        """Build settings from a project's table and the environment.

        Raises:
            pydantic.ValidationError: A key or a value is wrong.
        """
        return cls(**table)
